"""The messages of one session of a JSON tree.

OpenCode writes these files in place, without a lock or a rename. A reader can see an empty file, a prefix, or new
text with an old tail. None of these parses, so none is counted, and the file is read again once it has changed.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from otel_agent.model import (
    AskWanted,
    Batch,
    BeingWritten,
    CallsWanted,
    Checkpoint,
    Message,
    Problem,
    ProblemKind,
    Recall,
    Settling,
    Unreadable,
)
from otel_agent.opencode import decode
from otel_agent.opencode.bounded_files import (
    RACY_NS,
    SETTLED_NS,
    Entry,
    NamedFile,
    OpenFolder,
    in_words,
    listing,
    read_bounded,
    status,
)
from otel_agent.opencode.json_tree.folder_content import FolderContent
from otel_agent.opencode.json_tree.layout import Layout
from otel_agent.opencode.json_tree.marks import Marks, is_in, mark_of
from otel_agent.opencode.json_tree.parts import TreeParts
from otel_agent.opencode.json_tree.sessions import Sessions
from otel_agent.opencode.ordinary import Question, ordinary
from otel_agent.opencode.parts.reader import PartReader

_IN_FLIGHT_NS: Final = 24 * 3600 * 10**9
"""A message that is not complete is read again at each pass for a day after its last write. The reason: a rewrite does
not touch the folder's own time. Later only a sweep finds that its file changed."""
_FILE: Final = ".json"
_ASK_FOR: Final = 100
"""Messages about which the ledger is asked at once."""
_MOST_NAMES: Final = 1_000
"""Files that are to be read again and remembered by their names, about 100 KB. If there are more, the folder is listed."""


class _Read(Struct, gc=False):
    """A message that counts, until the ledger said which of its calls it wants."""

    name: str
    message: Message
    mark: int
    settled: bool
    problems: list[Problem]


class Folder:
    """The messages of one session.

    Its checkpoint holds a mark for each file that need not be read again unless it changes. A batch can be lost between
    reading and the ledger, and then its marks are lost with it. If only some files are read, by name, the checkpoint
    stays as it is. The next listing reads them once more, and the ledger knows them then.
    """

    def __init__(
        self,
        layout: Layout,
        sessions: Sessions,
        path: Path,
        recall: Recall,
        now_ns: int,
        names: Iterable[str] | None = None,
    ) -> None:
        """``names`` are the files to read; if it is ``None``, the folder is listed, and what is new or changed is read."""
        self._sessions, self._path, self._now_ns = sessions, path, now_ns
        self._parts = PartReader(TreeParts(layout, sessions))
        self._place = place_of(path)
        self._names = None if names is None else sorted(names)
        self._recalled = (recall(self._place) or b"") if names is None else b""
        self._marks = Marks(self._recalled)
        self.entries = 0
        """Number of entries that were listed."""
        self.unsettled: set[str] | None = set()
        """The names of the files that must be read again; ``None`` if they are too many to remember."""
        self._waiting: list[_Read] = []
        self._problems: list[Problem] = []
        self._looked_at, self._gave_session = 0, False
        self._content = FolderContent(path, sessions, self._parts)
        self.at_rest = True
        """False once a file was met that must be read again in the next pass."""
        self.put_off = self.settling = False
        """True once a message was left for the next pass: because OpenCode is writing what it needs, or did a moment before."""

    def read(self, ask_wanted: AskWanted) -> Iterator[Batch]:
        """Yield what is new or changed, a few files at a time. A file whose session or calls OpenCode is writing just now
        is left for the next pass."""
        listed: list[Problem] = []
        with OpenFolder(self._path, decode.MAX_BYTES) as folder:
            for entry in self._entries(listed):
                if entry.name.endswith(_FILE) and not (self._marks and self._is_known(entry)):
                    self._read_file(folder, entry)
                    if len(self._waiting) >= _ASK_FOR:
                        yield self._asked(ask_wanted)
        # A folder that could not be listed to its end is no folder at rest.
        self.at_rest = self.at_rest and not listed
        self._problems += listed
        yield self._asked(ask_wanted)

    def _entries(self, problems: list[Problem]) -> Iterator[Entry]:
        if self._names is not None:
            yield from (NamedFile(name, f"{self._path}{os.sep}{name}") for name in self._names)
            return
        for entry in listing(self._path, problems):
            self.entries += 1
            yield entry

    def finish(self, batch: Batch) -> None:
        """Add the folder's session, and its checkpoint if it changed; call it after everything was read."""
        self._give_session(batch)
        if self._names is not None:
            return
        state = self._marks.state()
        if state != self._recalled:
            batch.checkpoints.append(Checkpoint(self._place, state))

    def _give_session(self, batch: Batch) -> None:
        """Add the session to the first batch after it was read, so never after its messages."""
        if self._content.session and not self._gave_session:
            self._gave_session = True
            batch.sessions += self._content.session

    def _is_known(self, entry: Entry) -> bool:
        """Return True for a file that is as it was when it was read for the last time, or that is gone."""
        found = status(entry)
        return found is None or self._marks.meet(mark_of(found))

    def _read_file(self, folder: OpenFolder, entry: Entry) -> None:
        file = folder.read(entry.name)
        if file is not None:
            self._decode(entry, *file)
            return
        # A link that leads nowhere, a pipe, a file that is too large or may not be read: this way knows each of them.
        found = status(entry)
        if found is None:
            return
        try:
            raw, problems = read_bounded(entry.path, decode.MAX_BYTES), list[Problem]()
        except Unreadable as failure:
            raw, problems = None, [failure.problem]
        if raw is None:
            self._take(entry, None, problems, found)
        else:
            self._decode(entry, raw, found)

    def _decode(self, entry: Entry, raw: bytes, found: os.stat_result) -> None:
        answer = ordinary(raw)
        if isinstance(answer, Question):
            self._done(entry.name, mark_of(found), abs(self._now_ns - found.st_mtime_ns) > RACY_NS, [])
            return
        problems: list[Problem] = []
        try:
            if answer is None:
                message = self._content.unusual(entry, raw, problems)
            else:
                message = self._content.ordinary(entry, answer, problems)
        except BeingWritten as why:
            self._put_off(entry.name, why)
            return
        self._take(entry, message, problems, found)

    def _take(self, entry: Entry, message: Message | None, problems: list[Problem], found: os.stat_result) -> None:
        """Keep a message that counts until the ledger was asked; of any other file nothing more is to be read."""
        mark, settled = mark_of(found), _is_settled(message, problems, self._now_ns - found.st_mtime_ns)
        if message is not None and (message.completed_ms is not None or message.has_usage):
            # The series of a message that counts is chosen for ever: by a mixture of two texts it would be a wrong one.
            if abs(self._now_ns - found.st_mtime_ns) < SETTLED_NS:
                self._put_off(entry.name, Settling())
                return
            self._waiting.append(_Read(entry.name, message, mark, settled, problems))
        else:
            self._done(entry.name, mark, settled, problems)

    def _put_off(self, name: str, why: BeingWritten) -> None:
        self.put_off = True
        self.settling = self.settling or isinstance(why, Settling)
        self._note_unsettled(name)

    def _note_unsettled(self, name: str) -> None:
        self.at_rest = False
        if self.unsettled is not None:
            self.unsettled.add(name)
            if len(self.unsettled) > _MOST_NAMES:
                self.unsettled = None

    def _done(self, name: str, mark: int, settled: bool, problems: list[Problem]) -> None:
        """Note a file that was read to its end: the mark is true once the batch is in the ledger."""
        self._looked_at += 1
        if settled:
            self._marks.add(mark)
        else:
            self._note_unsettled(name)
        if problems:
            # A file that is still torn is no problem yet: OpenCode may be writing it.
            self._problems += [each for each in problems if settled or each.kind is not ProblemKind.MALFORMED]

    def _asked(self, ask_wanted: AskWanted) -> Batch:
        """Return what was read since the last time, with the calls that the ledger wants."""
        batch = Batch()
        self._give_session(batch)
        # One question for many files: in a history the answer is that none is wanted.
        wanted = ask_wanted([each.message for each in self._waiting]) if self._waiting else CallsWanted()
        asks, unread_sessions = bool(wanted.messages or wanted.turns), self._sessions.unread
        for each in self._waiting:
            if asks:
                try:
                    batch.calls.add(self._parts.calls([each.message], wanted))
                except BeingWritten as why:
                    self._put_off(each.name, why)
                    continue
            batch.messages.append(each.message)
            if unread_sessions and (unread := unread_sessions.get(each.message.session_id)):
                batch.calls.unread = {**batch.calls.unread, each.message.id: unread}
            # What could not be read is tried again, whether the message waits for it or not.
            settled = each.settled and each.message.id not in batch.calls.unread
            self._done(each.name, each.mark, settled, each.problems)
        batch.problems = self._problems + self._parts.problems + self._sessions.take_problems()
        batch.lines = self._sessions.take_lines()
        batch.looked_at = self._looked_at
        self._waiting, self._problems, self._looked_at = [], [], 0
        self._parts.forget()
        return batch


def place_of(folder: Path) -> str:
    """Return the place of the checkpoint."""
    return f"tree:{in_words(folder)}"


def was_read(state: bytes, found: os.stat_result) -> bool:
    """Return True if a folder's checkpoint says that a file was read as it is now."""
    return is_in(state, found)


def _is_settled(message: Message | None, problems: list[Problem], age_ns: int) -> bool:
    """Return True if the file need not be read again unless its status changes. A permission can be given, and a disk
    recover, without such a change."""
    if problems and any(each.kind is ProblemKind.NO_ACCESS for each in problems):
        return False
    in_flight = message is not None and message.completed_ms is None
    # A time in the future is one of another clock: the file is not young for years.
    return abs(age_ns) > (_IN_FLIGHT_NS if in_flight else RACY_NS)
