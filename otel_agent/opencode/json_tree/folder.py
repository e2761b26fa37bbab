"""The messages of one session of a JSON tree.

OpenCode writes these files in place, without a lock or a rename. A reader can see an empty file, a prefix, or new
text with an old tail. None of these parses, so none is counted, and the file is read again once it has changed.
"""

import os
from collections.abc import Iterator
from hashlib import blake2b
from os import DirEntry
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from otel_agent.model import (
    AskWanted,
    Batch,
    BeingWritten,
    Calls,
    Checkpoint,
    Generation,
    Message,
    Problem,
    ProblemKind,
    Recall,
    Session,
    Unreadable,
)
from otel_agent.opencode import decode, unknown_fields
from otel_agent.opencode.bounded_files import RACY_NS, in_words, listing, read_bounded, status
from otel_agent.opencode.json_tree.layout import Layout
from otel_agent.opencode.json_tree.parts import TreeParts
from otel_agent.opencode.json_tree.sessions import Sessions
from otel_agent.opencode.parts.reader import PartReader
from otel_agent.opencode.worktrees import at_repository

_IN_FLIGHT_NS: Final = 24 * 3600 * 10**9
"""A message that is not complete is read again at each pass for a day after its last write: a rewrite does not touch
the folder's own time. Later only a sweep finds that its file changed."""
_MARK: Final = 8
"""Bytes of a mark. Two of one folder agree by chance once in 10^13 folders of a thousand files."""


class FileContent(Struct):
    """The content of one file that is new or changed."""

    message: Message | None = None
    """The assistant message that counts; ``None`` for any other file."""
    calls: Calls = field(default_factory=Calls)
    problems: list[Problem] = []


class Folder:
    """The messages of one session.

    Its checkpoint holds a mark (of name, size and times) for each file that need not be read again unless it
    changes. A batch can be lost between reading and the ledger, and then its marks are lost with it.
    """

    def __init__(self, layout: Layout, sessions: Sessions, path: Path, recall: Recall, now_ns: int) -> None:
        self._sessions, self._path, self._now_ns = sessions, path, now_ns
        self._parts = PartReader(TreeParts(layout, sessions))
        self._place = f"tree:{in_words(path)}"
        self._recalled = recall(self._place) or b""
        self._known = {self._recalled[i : i + _MARK] for i in range(0, len(self._recalled), _MARK)}
        self._marks: list[bytes] = []
        self.session: list[Session] = []
        """The folder's session, once a message of it was read and if its file says so."""
        self.at_rest = True
        """False once a file was met that must be read again in the next pass."""
        self.put_off = False
        """True once a message was left for the next pass, because OpenCode is writing what it needs."""

    def read(self, ask_wanted: AskWanted) -> Iterator[FileContent]:
        """Yield the content of each file that is new or changed. A file whose session or calls OpenCode is writing just
        now is left for the next pass."""
        listed: list[Problem] = []
        for entry in listing(self._path, listed):
            if not entry.name.endswith(".json"):
                continue
            found = status(entry)
            if found is None:
                continue
            mark = _mark(entry.name, found)
            # The file is as it was when it was read for the last time: its mark goes into the next checkpoint.
            if mark in self._known:
                self._marks.append(mark)
                continue
            try:
                yield self._content(entry, mark, self._now_ns - found.st_mtime_ns, ask_wanted)
            except BeingWritten:
                self.at_rest, self.put_off = False, True
        # A folder that could not be listed to its end is no folder at rest.
        if listed:
            self.at_rest = False
            yield FileContent(problems=listed)

    def finish(self, batch: Batch) -> None:
        """Add the folder's session, and its checkpoint if it changed; call it after everything was read."""
        state = b"".join(sorted(self._marks))
        batch.sessions += self.session
        if state != self._recalled:
            batch.checkpoints.append(Checkpoint(self._place, state))

    def _content(self, entry: DirEntry[str], mark: bytes, age_ns: int, ask_wanted: AskWanted) -> FileContent:
        """Raises ``BeingWritten``."""
        problems: list[Problem] = []
        message = self._message(entry, problems)
        counts = message is not None and (message.completed_ms is not None or message.has_usage)
        calls = Calls()
        if message is not None and counts:
            calls = self._parts.calls([message], ask_wanted([message]))
        # From here on nothing can be put off any more, so the mark is true once the batch is in the ledger.
        settled = _is_settled(message, problems, age_ns)
        if settled:
            self._marks.append(mark)
        else:
            self.at_rest = False
        # A file that is still torn is no problem yet: OpenCode may be writing it.
        said = [each for each in problems if settled or each.kind is not ProblemKind.MALFORMED]
        return FileContent(message if counts else None, calls, said)

    def _message(self, entry: DirEntry[str], problems: list[Problem]) -> Message | None:
        """Return the assistant message in a file, ``None`` for anything else. Raises ``BeingWritten``."""
        place = in_words(entry.path)
        try:
            raw = read_bounded(entry.path, decode.MAX_BYTES)
            if raw is None:
                return None
            wire = decode.parse(raw)
        except Unreadable as failure:
            problems.append(failure.problem)
            return None
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
            message_id=entry.name.removesuffix(".json"),
            session_id=self._path.name,
            session=session,
        )
        problems += decoded.problems
        if decoded.message is None:
            return None
        message = at_repository(decoded.message, session, self._sessions.worktree_of)
        message = self._parts.with_usage(message, session, problems)
        problems += unknown_fields.unknown_tokens(wire, message, place, session)
        return message

    def _session_of_folder(self) -> Session | None:
        """Raises ``BeingWritten``."""
        if not self.session:
            found = self._sessions.get(self._path.name)
            self.session = [] if found is None else [found]
        return self.session[0] if self.session else None


def was_read(state: bytes, name: str, found: os.stat_result) -> bool:
    """Return True if a folder's checkpoint says that the file was read as it is now."""
    return _mark(name, found) in {state[i : i + _MARK] for i in range(0, len(state), _MARK)}


def _is_settled(message: Message | None, problems: list[Problem], age_ns: int) -> bool:
    """Return True if the file need not be read again unless its status changes. A permission can be given, and a disk
    recover, without such a change."""
    if any(each.kind is ProblemKind.NO_ACCESS for each in problems):
        return False
    in_flight = message is not None and message.completed_ms is None
    return age_ns > (_IN_FLIGHT_NS if in_flight else RACY_NS)


def _mark(name: str, found: os.stat_result) -> bytes:
    marked = f"{name}\0{found.st_mtime_ns}\0{found.st_ctime_ns}\0{found.st_size}\0{found.st_ino}"
    return blake2b(marked.encode("utf-8", "surrogateescape"), digest_size=_MARK).digest()
