"""The sessions of a JSON tree, and the projects they belong to: looked up when a message of theirs is read."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from otel_agent.model import Batch, BeingWritten, Lines, Problem, ProblemKind, Session, Settling, Unreadable
from otel_agent.opencode import decode
from otel_agent.opencode.bounded_files import RACY_NS, SETTLED_NS, in_words, is_plain_name, read_bounded
from otel_agent.opencode.json_tree.layout import Layout
from otel_agent.opencode.json_values import count, field, text

_FILES: Final = 500
"""Files that are read without a word: a slow disk must not look like one that does not answer."""
_SINGLY: Final = 8
"""Sessions of a pass that are looked for by their names. For more of them, it is cheaper to list all files of sessions."""
_AHEAD_NS: Final = 120 * 10**9
"""Two clocks differ by less. A time further in the future is that of a wrong clock, and would stay young for years."""


class Sessions:
    """The sessions of one tree, as they are during one pass."""

    def __init__(self, layout: Layout, now_ns: int, unknown: dict[str, str] | None = None) -> None:
        """``unknown`` has the categories of tokens that earlier passes met and that are not known, with their places."""
        self.unknown = {} if unknown is None else unknown
        self._layout, self._now_ns = layout, now_ns
        self._files: dict[str, str] | None = None
        self._looked_for = 0
        self._worktrees: dict[str, str] = {}
        self._problems: list[Problem] = []
        self._lines: list[Lines] = []
        self._unlisted: list[Problem] = []
        """Folders of sessions that could not be listed: what is not known may be in there."""
        self.unread: dict[str, Problem] = {}
        """Id of a session to why its file could not be read just now, or not be looked for."""

    def get(self, session_id: str) -> Session | None:
        """Return the session, ``None`` if its file is gone or was never whole.

        Raises ``BeingWritten`` if the file is torn and young: it is whole soon, and then it says whose the messages are.
        Raises ``Settling`` if it changed a moment before: it can be whole and still be a mixture of two texts.
        """
        path = self._path_of(session_id)
        if path is None:
            if self._unlisted:
                self.unread[session_id] = self._unlisted[0]
            return None
        try:
            wire = self._parse_file(path)
        except decode.Malformed:
            if _is_young(path, self._now_ns):
                raise BeingWritten from None
            return None
        if wire is None:
            last = self._problems[-1] if self._problems else None
            if last is not None and last.kind is not ProblemKind.TOO_LARGE and last.place == in_words(path):
                self.unread[session_id] = last
            return None
        if _is_young(path, self._now_ns, SETTLED_NS, SETTLED_NS):
            raise Settling
        self._note_lines(session_id, path, wire)
        try:
            worktree = self.worktree_of(text(wire.projectID))
        except BeingWritten:
            worktree = ""  # messages in a tree name their root themselves
        return decode.session(wire, session_id, worktree)

    def worktree_of(self, project_id: str) -> str:
        """Return the worktree of a project, empty if its file is gone or was never whole.

        Raises ``BeingWritten`` if the file is torn and young.
        """
        if project_id not in self._worktrees:
            path = self._layout.project_file(project_id)
            try:
                wire = self._parse_file(str(path)) if path else None
            except decode.Malformed:
                if path is not None and _is_young(str(path), self._now_ns):
                    raise BeingWritten from None
                wire = None
            self._worktrees[project_id] = text(wire.worktree) if wire else ""
        return self._worktrees[project_id]

    def look_at_lines(self, seen: dict[str, int]) -> Iterator[Batch]:
        """Read the files that were written to since, for ``take_lines``. ``seen`` has the times of the last look, and is changed.
        After every few files, yield what they say, even if it is nothing: whoever counts sees that the disk answers.

        OpenCode writes what a turn changed some time after its last message, and nothing else is written then.
        """
        for number, (session_id, path) in enumerate(self._listed().items(), 1):
            self._look_at_lines(session_id, path, seen)
            if number % _FILES == 0:
                yield Batch(lines=self.take_lines(), problems=self.take_problems())

    def _look_at_lines(self, session_id: str, path: str, seen: dict[str, int]) -> None:
        try:
            written_ns = os.stat(path).st_mtime_ns  # noqa: PTH116 - asked for each session
            if seen.get(session_id) == written_ns or _is_young(path, self._now_ns, SETTLED_NS, SETTLED_NS):
                return
            raw = read_bounded(path, decode.MAX_BYTES)
            wire = None if raw is None else decode.parse_session(raw)
        except (OSError, Unreadable, decode.Malformed):
            return  # said when a message of it is read
        seen[session_id] = written_ns
        if wire is not None:
            self._note_lines(session_id, path, wire)

    def take_lines(self) -> list[Lines]:
        """Return what the files say of changed lines that were read since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def _path_of(self, session_id: str) -> str | None:
        """One new message must not cost more because a million sessions lie beside its own."""
        if self._files is None and self._looked_for < _SINGLY and is_plain_name(session_id):
            self._looked_for += 1
            # The listing below names what cannot be looked into.
            with suppress(OSError):
                return self._layout.session_file(session_id)
        return self._listed().get(session_id)

    def _listed(self) -> dict[str, str]:
        # Files of sessions are in folders of projects: one listing of all is cheaper than a search for each.
        if self._files is None:
            self._files = self._layout.session_files(self._unlisted)
            self._problems += self._unlisted
        return self._files

    def _note_lines(self, session_id: str, path: str, wire: decode.SessionWire) -> None:
        if not wire.summary:
            return
        said = [field(wire.summary, name) for name in ("additions", "deletions")]
        numbers = [0 if number is None else count(number) for number in said]
        if None in numbers:
            self._problems.append(Problem(ProblemKind.BAD_NUMBER, in_words(path), "summary"))
        if any(numbers):
            self._lines.append(Lines(text(session_id), "", *(number or 0 for number in numbers)))

    def take_problems(self) -> list[Problem]:
        """Return the files that could not be read since the last call: too large, or without permission."""
        problems, self._problems = self._problems, []
        return problems

    def _parse_file(self, path: str) -> decode.SessionWire | None:
        """Return a session's or a project's file, ``None`` if it is gone or may not be read. Raises ``Malformed``."""
        try:
            raw = read_bounded(path, decode.MAX_BYTES)
        except Unreadable as failure:
            self._problems.append(failure.problem)
            return None
        return None if raw is None else decode.parse_session(raw)


def _is_young(path: str, now_ns: int, young_ns: int = RACY_NS, ahead_ns: int = _AHEAD_NS) -> bool:
    try:
        age_ns = now_ns - os.stat(path).st_mtime_ns  # noqa: PTH116 - asked for each session
    except OSError:
        return False
    return -ahead_ns < age_ns < young_ns
