"""The JSON trees of OpenCode up to 1.1, of which every user from before 1.2 still has one on disk.

OpenCode writes these files in place, without a lock or a rename: a reader can see an empty file, a prefix, or new
text with an old tail. None of these parses, so none is counted, and the file is read again once it has changed.
"""

import os
from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from os import DirEntry
from pathlib import Path
from typing import Final

import msgspec

from otel_agent.model import Batch, Checkpoint, Generation, Message, Problem, ProblemKind, Recall, Session
from otel_agent.opencode import decode, parts
from otel_agent.opencode.files import Unreadable, in_words, is_folder, listing, read_bounded, status
from otel_agent.opencode.layout import Layout

_FLUSH: Final = 8_000
"""Messages, problems and checkpoints in a batch, about 8 MB: memory does not follow the length of the history."""
_RACY_NS: Final = 2 * 10**9
"""A file younger than this may be written again without its status showing it: read it again next time."""
_IN_FLIGHT_NS: Final = 24 * 3600 * 10**9
"""A message that is not complete is read again at each pass for a day after its last write (a rewrite does not touch
the folder's own time); later ones only when a sweep finds their file changed."""
_MARK: Final = 8
"""Bytes of a mark. Two of one folder agree by chance once in 10^13 folders of a thousand files."""


class JsonTree:
    """One tree. A folder of messages is skipped while it is as it was when everything in it was at rest, except in a
    sweep: a file that is written anew in place does not touch its folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._at_rest: dict[str, int] = {}
        """Folder to its modification time. About 150 bytes for each session of the tree. Each sweep leaves it in the
        checkpoint of the tree, with which the next process begins."""
        self.name = in_words(layout.messages)
        self._place = f"tree:{self.name}"

    def close(self) -> None:
        self._at_rest.clear()

    def read(self, recall: Recall, *, now_ms: int, sweep: bool) -> Iterator[Batch]:
        now_ns = now_ms * 1_000_000
        sessions = _Sessions(self._layout, now_ns)
        recalled = recall(self._place) or b""
        if not self._at_rest and recalled:
            self._at_rest = msgspec.msgpack.decode(recalled, type=dict[str, int])
        seen: set[str] = set()
        batch = Batch()
        for entry in listing(self._layout.messages, batch.problems):
            found = status(entry)
            if found is None or not is_folder(entry):
                continue
            seen.add(entry.name)
            if not sweep and self._at_rest.get(entry.name) == found.st_mtime_ns:
                continue
            folder = _Folder(self._layout, sessions, Path(entry.path), recall, now_ns)
            for message, problems in folder.read():
                batch.messages += message
                batch.problems += problems
                if _is_full(batch):
                    batch.sessions += folder.session
                    yield batch
                    batch = Batch()
            folder.finish(batch)
            if folder.at_rest and found.st_mtime_ns < now_ns - _RACY_NS:
                self._at_rest[entry.name] = found.st_mtime_ns
            else:
                self._at_rest.pop(entry.name, None)
        if sweep:
            self._leave(seen, recalled, batch)
        if batch != Batch():
            yield batch

    def _leave(self, seen: set[str], recalled: bytes, batch: Batch) -> None:
        """Write down what is at rest, but for what is gone. A name that is no text is no session of OpenCode's."""
        self._at_rest = {name: self._at_rest[name] for name in sorted(self._at_rest.keys() & seen)}
        state = msgspec.msgpack.encode({name: at for name, at in self._at_rest.items() if name.isascii()})
        if state != recalled:
            batch.checkpoints.append(Checkpoint(self._place, state))


def _is_full(batch: Batch) -> bool:
    return len(batch.messages) + len(batch.problems) + len(batch.checkpoints) >= _FLUSH


class _Folder:
    """The messages of one session.

    Its checkpoint holds a mark (of name, size and times) for each file that need not be read again unless it
    changes. A batch can be lost between reading and the ledger, and then its marks are lost with it.
    """

    def __init__(self, layout: Layout, sessions: "_Sessions", path: Path, recall: Recall, now_ns: int) -> None:
        self._layout, self._sessions, self._path, self._now_ns = layout, sessions, path, now_ns
        self._place = f"tree:{in_words(path)}"
        self._recalled = recall(self._place) or b""
        self._known = {self._recalled[i : i + _MARK] for i in range(0, len(self._recalled), _MARK)}
        self._marks: list[bytes] = []
        self.session: list[Session] = []
        """The folder's session, once a message of it was read and where its file tells."""
        self.at_rest = True

    def read(self) -> Iterator[tuple[list[Message], list[Problem]]]:
        """For each file that is new or changed the message it holds, if any, and what was wrong with it."""
        listed: list[Problem] = []
        for entry in listing(self._path, listed):
            if not entry.name.endswith(".json"):
                continue
            found = status(entry)
            if found is None:
                continue
            mark = _mark(entry.name, found)
            if mark in self._known:
                self._marks.append(mark)
                continue
            problems: list[Problem] = []
            try:
                message = self._message(entry, problems)
            except _Later:
                self.at_rest = False
                continue
            settled = self._is_settled(message, problems, self._now_ns - found.st_mtime_ns)
            if settled:
                self._marks.append(mark)
            else:
                self.at_rest = False
            counts = message is not None and (message.completed_ms is not None or message.has_usage)
            said = [each for each in problems if settled or each.kind is not ProblemKind.MALFORMED]
            yield [message] if message is not None and counts else [], said
        if listed:
            self.at_rest = False
            yield [], listed

    def finish(self, batch: Batch) -> None:
        state = b"".join(sorted(self._marks))
        batch.sessions += self.session
        if state != self._recalled:
            batch.checkpoints.append(Checkpoint(self._place, state))

    def _is_settled(self, message: Message | None, problems: list[Problem], age_ns: int) -> bool:
        """Whether the file need not be read again unless its status changes: a permission can be given, and a disk
        recover, without that."""
        if any(each.kind is ProblemKind.NO_ACCESS for each in problems):
            return False
        in_flight = message is not None and message.completed_ms is None
        return age_ns > (_IN_FLIGHT_NS if in_flight else _RACY_NS)

    def _message(self, entry: DirEntry[str], problems: list[Problem]) -> Message | None:
        """The assistant message in a file, ``None`` for anything else. Raises ``_Later``."""
        place = in_words(entry.path)
        try:
            raw = read_bounded(entry.path, decode.MAX_BYTES)
            if raw is None:
                return None
            wire = decode.parse(raw)
            if wire.role != "assistant":
                return None
            session = self._session_of_folder()
        except Unreadable as failure:
            problems.append(failure.problem)
            return None
        except decode.Malformed as failure:
            problems.append(Problem(ProblemKind.MALFORMED, place, str(failure)))
            return None
        decoded = decode.assistant(
            wire,
            place=place,
            generation=Generation.TREE,
            message_id=entry.name.removesuffix(".json"),
            session_id=self._path.name,
            session=session,
        )
        problems += decoded.problems
        if decoded.message is None or not parts.wants_parts(decoded.message):
            return decoded.message
        version = session.version if session else ""
        return parts.with_parts(decoded.message, self._parts(decoded.message, problems), version)

    def _session_of_folder(self) -> Session | None:
        """Raises ``_Later``."""
        if not self.session:
            found = self._sessions.get(self._path.name)
            self.session = [] if found is None else [found]
        return self.session[0] if self.session else None

    def _parts(self, message: Message, problems: list[Problem]) -> Iterator[bytes]:
        folder = self._layout.parts(message.session_id, message.id)
        for entry in islice(listing(folder, problems), parts.MAX_PARTS):
            try:
                yield read_bounded(entry.path, decode.MAX_BYTES) or b""
            except Unreadable as failure:
                problems.append(failure.problem)


class _Later(Exception):
    """OpenCode is just writing what tells whose message this is."""


class _Sessions:
    """The tree's sessions, looked up when a message of theirs is read."""

    def __init__(self, layout: Layout, now_ns: int) -> None:
        self._layout, self._now_ns = layout, now_ns
        self._files: dict[str, Path] | None = None
        self._worktrees: dict[str, str] = {}

    def get(self, session_id: str) -> Session | None:
        """The session, ``None`` where its file is gone or was never whole.

        Raises ``_Later`` for one that is torn and young: whole again soon, it tells whose the messages are.
        """
        if self._files is None:
            self._files = self._layout.session_files()
        path = self._files.get(session_id)
        if path is None:
            return None
        try:
            wire = _parse_file(path)
        except decode.Malformed:
            if _is_young(path, self._now_ns):
                raise _Later from None
            return None
        return None if wire is None else decode.session(wire, session_id, self._worktree(decode.text(wire.projectID)))

    def _worktree(self, project_id: str) -> str:
        if project_id not in self._worktrees:
            path = self._layout.project_file(project_id) if _is_name(project_id) else None
            try:
                wire = _parse_file(path) if path else None
            except decode.Malformed:
                wire = None
            self._worktrees[project_id] = decode.text(wire.worktree) if wire else ""
        return self._worktrees[project_id]


def _is_name(project_id: str) -> bool:
    """A project id becomes a file name: one from a corrupt file must not lead out of the tree."""
    return bool(project_id) and Path(project_id).name == project_id


def _is_young(path: Path, now_ns: int) -> bool:
    try:
        return path.stat().st_mtime_ns > now_ns - _RACY_NS
    except OSError:
        return False


def _parse_file(path: Path) -> decode.SessionWire | None:
    """A session's or a project's file, ``None`` where it is gone or may not be read. Raises ``Malformed``."""
    try:
        raw = read_bounded(str(path), decode.MAX_BYTES)
    except Unreadable:
        return None
    return None if raw is None else decode.parse_session(raw)


def _mark(name: str, found: os.stat_result) -> bytes:
    told = f"{name}\0{found.st_mtime_ns}\0{found.st_ctime_ns}\0{found.st_size}\0{found.st_ino}"
    return blake2b(told.encode("utf-8", "surrogateescape"), digest_size=_MARK).digest()
