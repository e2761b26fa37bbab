"""The parts of a JSON tree: a file for each, in a folder for each message.

OpenCode writes a running call's part again and again, in place and without a lock: it can be caught in the middle.
"""

from collections.abc import Iterable, Iterator, Mapping
from heapq import nlargest
from itertools import islice
from os import DirEntry
from time import time_ns
from typing import Final

from otel_agent.model import BeingWritten, Generation, Message, Problem, ProblemKind, Session, Unreadable
from otel_agent.opencode import decode
from otel_agent.opencode.bounded_files import RACY_NS, is_plain_name, listing, read_bounded, status
from otel_agent.opencode.ids import minted_after_ms, turn_began_ms
from otel_agent.opencode.json_tree.layout import Layout, messages_of
from otel_agent.opencode.json_tree.sessions import Sessions
from otel_agent.opencode.parts.callers import RECENT, SLACK_MS, Began, Origin, which_began
from otel_agent.opencode.parts.part import MAX_PARTS, Part, decode_part

_FILE: Final = ".json"


class TreeParts:
    """The ``PartSource`` of one tree."""

    def __init__(self, layout: Layout, sessions: Sessions) -> None:
        self._layout, self._sessions = layout, sessions

    def has_calls(self, message: Message) -> bool:
        """Return True if the message has its tool calls here: a database may have begun with copies of the tree's."""
        return message.generation is Generation.TREE

    def knows(self, message: Message) -> bool:
        """Return True if the message's file is there."""
        folder = messages_of(self._layout, message.session_id)
        return folder is not None and is_plain_name(message.id) and (folder / f"{message.id}{_FILE}").is_file()

    def parts(self, session_id: str, message_id: str, problems: list[Problem], *, at_work: bool) -> list[Part]:
        """Return the parts of a message in the order of their ids; torn ones are left out.

        Raises ``BeingWritten`` if a part of a message ``at_work`` is torn and was changed within ``RACY_NS``. A
        sub-agent whose call is missed would be a trace of its own, for ever. The writer of an older part was killed.
        """
        found: list[Part] = []
        for entry, raw in self._files(session_id, message_id, problems):
            part = decode_part(entry.name.removesuffix(_FILE), raw)
            if part is not None:
                found.append(part)
            # Left out, the turn of a sub-agent would be a trace of its own for ever: better late than wrong.
            elif at_work and _is_young(entry):
                raise BeingWritten
        return sorted(found, key=lambda part: part.id)

    def recent(self, session_id: str, until_ms: int) -> list[str]:
        """Return the ids of the session's last messages, by the time in their ids; an id without a time may be one.

        Raises ``Unreadable`` if not all can be listed now.
        """
        folder, unread = messages_of(self._layout, session_id), list[Problem]()
        files = () if folder is None else listing(folder, unread)
        names = (entry.name.removesuffix(_FILE) for entry in files if entry.name.endswith(_FILE))
        # Of a folder with a million files only these few names are kept.
        found = nlargest(RECENT, (name for name in names if (minted_after_ms(name, until_ms) or 0) <= SLACK_MS))
        _require(unread)
        return found

    def caller_in(self, message_id: str, session: Session, at_ms: int) -> Began | None:
        """Return the call in this message that began a turn of ``session``. Raises ``BeingWritten`` and ``Unreadable``."""
        unread: list[Problem] = []
        part_id = which_began(session, at_ms, self.parts(session.parent_id, message_id, unread, at_work=True))
        if not part_id:
            _require(unread)
        return Began(part_id) if part_id else None

    def origin_of(self, session: Session, turn_id: str) -> Origin | None:
        """Return ``None``: in 1.x every turn has a user message."""
        del session, turn_id
        return None

    def turn_began_ms(self, turn_id: str, first_created_ms: int) -> int:
        """Return when a person asked, by the id of the question."""
        return turn_began_ms(turn_id, first_created_ms)

    def turn_of(self, session_id: str, message_id: str) -> str:
        """Return the user message that a message answers; empty if it is gone or names none. Raises ``Unreadable``."""
        folder = messages_of(self._layout, session_id)
        if folder is None or not is_plain_name(message_id):
            return ""
        try:
            raw = read_bounded(str(folder / f"{message_id}{_FILE}"), decode.MAX_BYTES)
        except Unreadable as failure:
            _require([failure.problem])
            return ""
        return decode.answered(raw)

    def session(self, session_id: str) -> Session | None:
        """Return the session, ``None`` if its file is gone. Raises ``BeingWritten`` and ``Unreadable``."""
        found = self._sessions.get(session_id)
        if found is None and session_id in self._sessions.unread:
            _require([self._sessions.unread[session_id]])
        return found

    def releases(self) -> Mapping[str, int]:
        """Return nothing: the last release that wrote trees is 1.1."""
        return {}

    def _files(
        self, session_id: str, message_id: str, problems: list[Problem]
    ) -> Iterator[tuple[DirEntry[str], bytes]]:
        folder = self._layout.parts(session_id, message_id)
        for entry in islice(listing(folder, problems), MAX_PARTS) if folder is not None else ():
            try:
                yield entry, read_bounded(entry.path, decode.MAX_BYTES) or b""
            except Unreadable as failure:
                problems.append(failure.problem)


def _require(unread: Iterable[Problem]) -> None:
    """Raise ``Unreadable`` if something may be readable later. What is too large stays so."""
    for problem in unread:
        if problem.kind is not ProblemKind.TOO_LARGE:
            raise Unreadable(problem)


def _is_young(entry: DirEntry[str]) -> bool:
    found = status(entry)
    return found is not None and abs(time_ns() - found.st_mtime_ns) < RACY_NS
