"""The messages of one session of a JSON tree.

OpenCode writes these files in place, without a lock or a rename. A reader can see an empty file, a prefix, or new
text with an old tail. None of these parses, so none is counted, and the file is read again once it has changed.
"""

import os
from collections.abc import Iterator
from os import DirEntry
from pathlib import Path
from typing import Final

from msgspec import Struct

from otel_agent.model import (
    AskWanted,
    Batch,
    BeingWritten,
    CallsWanted,
    Checkpoint,
    Generation,
    Message,
    Problem,
    ProblemKind,
    Recall,
    Session,
    Settling,
    Unreadable,
)
from otel_agent.opencode import decode, unknown_fields
from otel_agent.opencode.bounded_files import (
    RACY_NS,
    SETTLED_NS,
    OpenFolder,
    in_words,
    is_plain_name,
    listing,
    read_bounded,
    status,
)
from otel_agent.opencode.json_tree.layout import Layout
from otel_agent.opencode.json_tree.parts import TreeParts
from otel_agent.opencode.json_tree.sessions import Sessions
from otel_agent.opencode.json_values import text
from otel_agent.opencode.ordinary import Answer, OrdinaryMessages, Question, ordinary
from otel_agent.opencode.parts.reader import PartReader
from otel_agent.opencode.worktrees import at_repository

_IN_FLIGHT_NS: Final = 24 * 3600 * 10**9
"""A message that is not complete is read again at each pass for a day after its last write: a rewrite does not touch
the folder's own time. Later only a sweep finds that its file changed."""
_FILE: Final = ".json"
_ASK_FOR: Final = 100
"""Messages about which the ledger is asked at once."""
_MARK: Final = 8
"""Bytes of a mark. Two of one folder agree by chance once in 10^13 folders of a thousand files."""


class _Read(Struct, gc=False):
    """A message that counts, until the ledger said which of its calls it wants."""

    message: Message
    mark: bytes
    settled: bool
    problems: list[Problem]


class Folder:
    """The messages of one session.

    Its checkpoint holds a mark (of size, times and inode) for each file that need not be read again unless it
    changes. A batch can be lost between reading and the ledger, and then its marks are lost with it.
    """

    def __init__(self, layout: Layout, sessions: Sessions, path: Path, recall: Recall, now_ns: int) -> None:
        # The name is asked for with each file, and a path looks it up each time.
        self._sessions, self._path, self._name, self._now_ns = sessions, path, path.name, now_ns
        self._parts = PartReader(TreeParts(layout, sessions))
        self._place = place_of(path)
        self._recalled = recall(self._place) or b""
        self._known = {self._recalled[i : i + _MARK] for i in range(0, len(self._recalled), _MARK)}
        self._marks: list[bytes] = []
        self._waiting: list[_Read] = []
        self._problems: list[Problem] = []
        self._looked_at, self._gave_session = 0, False
        self._ordinary: OrdinaryMessages | None = None
        self.session: list[Session] = []
        """The folder's session, once a message of it was read and if its file says so."""
        self.at_rest = True
        """False once a file was met that must be read again in the next pass."""
        self.put_off = self.settling = False
        """True once a message was left for the next pass: because OpenCode is writing what it needs, or did a moment before."""

    def read(self, ask_wanted: AskWanted) -> Iterator[Batch]:
        """Yield what is new or changed, a few files at a time. A file whose session or calls OpenCode is writing just now
        is left for the next pass."""
        listed: list[Problem] = []
        with OpenFolder(self._path, decode.MAX_BYTES) as folder:
            for entry in listing(self._path, listed):
                if entry.name.endswith(_FILE) and not (self._known and self._is_known(entry)):
                    self._read_file(folder, entry)
                    if len(self._waiting) >= _ASK_FOR:
                        yield self._asked(ask_wanted)
        # A folder that could not be listed to its end is no folder at rest.
        self.at_rest = self.at_rest and not listed
        self._problems += listed
        yield self._asked(ask_wanted)

    def finish(self, batch: Batch) -> None:
        """Add the folder's session, and its checkpoint if it changed; call it after everything was read."""
        state = b"".join(sorted(self._marks))
        self._give_session(batch)
        if state != self._recalled:
            batch.checkpoints.append(Checkpoint(self._place, state))

    def _give_session(self, batch: Batch) -> None:
        """Add the session to the first batch after it was read, so never after its messages."""
        if self.session and not self._gave_session:
            self._gave_session = True
            batch.sessions += self.session

    def _is_known(self, entry: DirEntry[str]) -> bool:
        """Return True for a file that is as it was when it was read for the last time, or that is gone."""
        found = status(entry)
        if found is None:
            return True
        mark = _mark(found)
        if mark not in self._known:
            return False
        self._marks.append(mark)
        return True

    def _read_file(self, folder: OpenFolder, entry: DirEntry[str]) -> None:
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
            self._take(None, problems, found)
        else:
            self._decode(entry, raw, found)

    def _decode(self, entry: DirEntry[str], raw: bytes, found: os.stat_result) -> None:
        answer = ordinary(raw)
        if isinstance(answer, Question):
            self._done(_mark(found), abs(self._now_ns - found.st_mtime_ns) > RACY_NS, [])
            return
        problems: list[Problem] = []
        try:
            if answer is None:
                message = self._unusual_message(entry, raw, problems)
            else:
                message = self._ordinary_message(entry, answer, problems)
        except BeingWritten as why:
            self._put_off(why)
            return
        self._take(message, problems, found)

    def _take(self, message: Message | None, problems: list[Problem], found: os.stat_result) -> None:
        """Keep a message that counts until the ledger was asked; of any other file nothing more is to be read."""
        mark, settled = _mark(found), _is_settled(message, problems, self._now_ns - found.st_mtime_ns)
        if message is not None and (message.completed_ms is not None or message.has_usage):
            # The series of a message that counts is chosen for ever: by a mixture of two texts it would be a wrong one.
            if abs(self._now_ns - found.st_mtime_ns) < SETTLED_NS:
                self._put_off(Settling())
                return
            self._waiting.append(_Read(message, mark, settled, problems))
        else:
            self._done(mark, settled, problems)

    def _put_off(self, why: BeingWritten) -> None:
        self.at_rest, self.put_off = False, True
        self.settling = self.settling or isinstance(why, Settling)

    def _done(self, mark: bytes, settled: bool, problems: list[Problem]) -> None:
        """Note a file that was read to its end: the mark is true once the batch is in the ledger."""
        self._looked_at += 1
        if settled:
            self._marks.append(mark)
        else:
            self.at_rest = False
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
                    self._put_off(why)
                    continue
            batch.messages.append(each.message)
            if unread_sessions and (unread := unread_sessions.get(each.message.session_id)):
                batch.calls.unread = {**batch.calls.unread, each.message.id: unread}
            # What could not be read is tried again, whether the message waits for it or not.
            self._done(each.mark, each.settled and each.message.id not in batch.calls.unread, each.problems)
        batch.problems = self._problems + self._parts.problems + self._sessions.take_problems()
        batch.lines = self._sessions.take_lines()
        batch.looked_at = self._looked_at
        self._waiting, self._problems, self._looked_at = [], [], 0
        self._parts.forget()
        return batch

    def _ordinary_message(self, entry: DirEntry[str], answer: Answer, problems: list[Problem]) -> Message:
        """Raises ``BeingWritten``."""
        if self._ordinary is None:
            session = self._session_of_folder()
            self._ordinary = OrdinaryMessages(Generation.TREE, text(self._name), session, self._sessions.worktree_of)
        message = self._ordinary.message(answer, answer.id or text(entry.name.removesuffix(_FILE)))
        self._check_ids(message, entry, problems)
        # Only these can ask their parts for more.
        if not message.turn_id or not message.tokens.input:
            message = self._parts.with_usage(message, self._session_of_folder(), problems)
        return message

    def _unusual_message(self, entry: DirEntry[str], raw: bytes, problems: list[Problem]) -> Message | None:
        """Return the assistant message in a file, ``None`` for anything else. Raises ``BeingWritten``."""
        place = in_words(entry.path)
        try:
            wire = decode.parse(raw)
        except decode.Malformed as failure:
            problems.append(Problem(ProblemKind.MALFORMED, place, str(failure)))
            return None
        if wire.role != "assistant":
            problems += unknown_fields.unknown_role(wire, place, None)
            return None
        session = self._session_of_folder()
        decoded = decode.assistant(
            wire,
            place=place,
            generation=Generation.TREE,
            message_id=entry.name.removesuffix(_FILE),
            session_id=self._name,
            session=session,
        )
        problems += decoded.problems
        if decoded.message is None:
            return None
        self._check_ids(decoded.message, entry, problems)
        message = at_repository(decoded.message, session, self._sessions.worktree_of)
        message = self._parts.with_usage(message, session, problems)
        problems += unknown_fields.unknown_tokens(wire, message, place, session)
        return message

    def _check_ids(self, message: Message, entry: DirEntry[str], problems: list[Problem]) -> None:
        """Add a problem for an id that is no name: nothing is looked for under it."""
        # Nearly every file has the name of its message, in the folder of its session.
        odd = entry.name != f"{message.id}{_FILE}" and not is_plain_name(message.id)
        if odd or (message.session_id != self._name and not is_plain_name(message.session_id)):
            problems.append(Problem(ProblemKind.BAD_ID, in_words(entry.path), "id" if odd else "sessionID"))

    def _session_of_folder(self) -> Session | None:
        """Raises ``BeingWritten``."""
        if not self.session:
            found = self._sessions.get(self._name)
            self.session = [] if found is None else [found]
        return self.session[0] if self.session else None


def place_of(folder: Path) -> str:
    """Return the place of the checkpoint."""
    return f"tree:{in_words(folder)}"


def was_read(state: bytes, found: os.stat_result) -> bool:
    """Return True if a folder's checkpoint says that a file was read as it is now."""
    return _mark(found) in {state[i : i + _MARK] for i in range(0, len(state), _MARK)}


def _is_settled(message: Message | None, problems: list[Problem], age_ns: int) -> bool:
    """Return True if the file need not be read again unless its status changes. A permission can be given, and a disk
    recover, without such a change."""
    if problems and any(each.kind is ProblemKind.NO_ACCESS for each in problems):
        return False
    in_flight = message is not None and message.completed_ms is None
    # A time in the future is one of another clock: the file is not young for years.
    return abs(age_ns) > (_IN_FLIGHT_NS if in_flight else RACY_NS)


def _mark(found: os.stat_result) -> bytes:
    # Python's hash of whole numbers is the same in each process, and takes a quarter of the time of a cryptographic one.
    # A file that gets another name gets another change time with it.
    marked = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
    return hash(marked).to_bytes(_MARK, "little", signed=True)
