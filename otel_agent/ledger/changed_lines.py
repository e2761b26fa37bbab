"""The lines of code that count: what sessions and turns say was changed, each line once.

OpenCode says it in two places. Up to 1.2 at least, a session has the difference between its first and its last state.
Later releases write zeros there, and only a turn's user message says what the turn changed. Both can be rewritten, and
a revert lowers them. So of each the largest number that was ever seen is kept. A session counts the larger one of two:
what it says itself, or what its counted turns say together.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from otel_agent.ledger import records
from otel_agent.ledger.facts import Facts
from otel_agent.model import GainedLines, Lines, State
from otel_agent.model.project import is_outside_any

FROM: Final = "lines_from_ms"
"""Key in ``meta``: what sessions said at first that began before this is history, and is left out."""

_NOTE: Final = """
INSERT INTO changed_lines (session_id, turn_id, added, removed) VALUES (?, ?, ?, ?)
ON CONFLICT (session_id, turn_id) DO UPDATE SET added = max(added, excluded.added), removed = max(removed, excluded.removed)
WHERE excluded.added > added OR excluded.removed > removed RETURNING 1
"""
_MARK: Final = """
INSERT INTO counted_lines (session_id, added, removed, begun, due) VALUES (?, 0, 0, 0, 1)
ON CONFLICT (session_id) DO UPDATE SET due = 1
"""
# A session whose messages wait is looked at once they are decided: they may be copies, and their turns may begin.
_DUE: Final = f"""
SELECT c.session_id, c.added, c.removed, c.begun, s.parent_id, s.worktree, s.directory, s.created_ms, s.counted,
    s.forked OR EXISTS (SELECT 1 FROM message AS m WHERE m.session_id = s.id AND m.state = {State.COPY:d} AND m.copied)
FROM counted_lines AS c JOIN session AS s ON s.id = c.session_id WHERE c.due AND c.session_id > ?
AND NOT EXISTS (SELECT 1 FROM message AS m WHERE m.session_id = s.id AND m.{records.IS_UNDECIDED})
ORDER BY c.session_id LIMIT ?
"""
_SAID: Final = "SELECT added, removed FROM changed_lines WHERE session_id = ? AND turn_id = ''"
_OF_TURNS: Final = """
SELECT ifnull(sum(l.added), 0), ifnull(sum(l.removed), 0) FROM changed_lines AS l JOIN turn AS t ON t.id = l.turn_id
WHERE l.session_id = ? AND l.turn_id <> ''
"""


class DueSession(Struct, frozen=True):
    """A session that said more than is counted, or one of its turns did."""

    id: str
    added: int
    removed: int
    begun: bool
    parent_id: str
    worktree: str
    directory: str
    created_ms: int
    counted: bool
    copied: bool
    """It is a fork: what it says of itself holds the lines of its original too."""

    @property
    def says_all(self) -> bool:
        """False if what it says of itself is in what another session says: its original's, or its caller's."""
        return not self.parent_id and not self.copied


class ChangedLines:
    """The tables ``changed_lines`` and ``counted_lines``. Everything that writes runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection, facts: Facts) -> None:
        self._database, self._facts = database, facts

    def note(self, lines: Iterable[Lines]) -> None:
        """Keep what was said, if it is more than before. ``due`` names these sessions until they are decided."""
        for each in lines:
            row = each.session_id, each.turn_id, each.added, each.removed
            if (each.added or each.removed) and self._database.execute(_NOTE, row).fetchone() is not None:
                self._database.execute(_MARK, (each.session_id,))

    def due(self, *, after: str, limit: int) -> list[DueSession]:
        """Return the next sessions after this one that can be decided, in the order of their ids."""
        return [DueSession(*_plain(row)) for row in self._database.execute(_DUE, (after, limit))]

    def count(self, sessions: Sequence[DueSession]) -> list[GainedLines]:
        """Return what these sessions add to the totals, and note that it is counted."""
        gained = []
        for each in sessions:
            said, of_turns = self._said(each), self._of_turns(each)
            added, removed = each.added, each.removed
            # History: nobody knows when it was written, and a rise on the day of the first look would be no rise.
            if not each.begun and (each.created_ms < self._facts.number(FROM) or not each.counted):
                added, removed = said
            most = max(added, said[0], of_turns[0]), max(removed, said[1], of_turns[1])
            if most != (added, removed):
                project = each.directory if is_outside_any(each.worktree) else each.worktree
                gained.append(GainedLines(project, most[0] - added, most[1] - removed))
            statement = "UPDATE counted_lines SET added = ?, removed = ?, begun = 1, due = 0 WHERE session_id = ?"
            self._database.execute(statement, (*most, each.id))
        return gained

    def _said(self, session: DueSession) -> tuple[int, int]:
        found = self._database.execute(_SAID, (session.id,)).fetchone() if session.says_all else None
        return (0, 0) if found is None else (found[0], found[1])

    def _of_turns(self, session: DueSession) -> tuple[int, int]:
        """Return what the counted turns say. A sub-agent writes while its caller's turn goes on, which says it too."""
        if session.parent_id:
            return 0, 0
        added, removed = self._database.execute(_OF_TURNS, (session.id,)).fetchone()
        return added, removed


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*row[:3], bool(row[3]), *row[4:8], bool(row[8]), bool(row[9]))
