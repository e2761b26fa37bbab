"""The messages of one session of a JSON tree.

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

from otel_agent.model import Batch, Checkpoint, Generation, Message, Problem, ProblemKind, Recall, Session, Unreadable
from otel_agent.opencode import decode
from otel_agent.opencode.bounded_files import RACY_NS, in_words, listing, read_bounded, status
from otel_agent.opencode.json_tree.layout import Layout
from otel_agent.opencode.json_tree.sessions import Later, Sessions
from otel_agent.opencode.parts import usage

_IN_FLIGHT_NS: Final = 24 * 3600 * 10**9
"""A message that is not complete is read again at each pass for a day after its last write (a rewrite does not touch
the folder's own time); later ones only when a sweep finds their file changed."""
_MARK: Final = 8
"""Bytes of a mark. Two of one folder agree by chance once in 10^13 folders of a thousand files."""


class Folder:
    """The messages of one session.

    Its checkpoint holds a mark (of name, size and times) for each file that need not be read again unless it
    changes. A batch can be lost between reading and the ledger, and then its marks are lost with it.
    """

    def __init__(self, layout: Layout, sessions: Sessions, path: Path, recall: Recall, now_ns: int) -> None:
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
            except Later:
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
        return age_ns > (_IN_FLIGHT_NS if in_flight else RACY_NS)

    def _message(self, entry: DirEntry[str], problems: list[Problem]) -> Message | None:
        """The assistant message in a file, ``None`` for anything else. Raises ``Later``."""
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
        if decoded.message is None or not usage.wants_parts(decoded.message):
            return decoded.message
        version = session.version if session else ""
        return usage.with_parts(decoded.message, self._parts(decoded.message, problems), version)

    def _session_of_folder(self) -> Session | None:
        """Raises ``Later``."""
        if not self.session:
            found = self._sessions.get(self._path.name)
            self.session = [] if found is None else [found]
        return self.session[0] if self.session else None

    def _parts(self, message: Message, problems: list[Problem]) -> Iterator[bytes]:
        folder = self._layout.parts(message.session_id, message.id)
        for entry in islice(listing(folder, problems), usage.MAX_PARTS):
            try:
                yield read_bounded(entry.path, decode.MAX_BYTES) or b""
            except Unreadable as failure:
                problems.append(failure.problem)


def _mark(name: str, found: os.stat_result) -> bytes:
    told = f"{name}\0{found.st_mtime_ns}\0{found.st_ctime_ns}\0{found.st_size}\0{found.st_ino}"
    return blake2b(told.encode("utf-8", "surrogateescape"), digest_size=_MARK).digest()
