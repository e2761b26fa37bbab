"""What sessions and turns of a database say of changed lines.

The columns of a session are zeros in the last releases of 1.x, and empty in 2.x. There the user message of a turn says what
was changed in it. OpenCode writes it again after each step, so the last turns are looked at in every pass.
"""

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from otel_agent.model import Lines, Problem, ProblemKind
from otel_agent.opencode import json_values
from otel_agent.opencode.decode import MAX_BYTES
from otel_agent.opencode.sqlite.failures import is_of_the_query
from otel_agent.opencode.sqlite.known_tables import Tables
from otel_agent.opencode.sqlite.parts import text_of
from otel_agent.opencode.sqlite.unknown_tables import columns

MOST_TURNS: Final = 50
"""The last turns that are looked at again."""
_COLUMNS: Final = {"id", "summary_additions", "summary_deletions"}
_NEVER: Final = -1
"""The mark of a turn that was not read yet. Any other is the time of its last change, or its length if a release has no times."""
_MARKS: Final = "SELECT id, %s FROM message WHERE id IN (SELECT value FROM json_each(?))"
# The texts of what was changed can be megabytes: SQLite takes the numbers out.
_DIFFS: Final = f"""
SELECT m.session_id, length(m.data), CASE WHEN length(m.data) <= {MAX_BYTES} AND json_valid(m.data) THEN (
    SELECT json_group_array(json_array(json_extract(d.value, '$.additions'), json_extract(d.value, '$.deletions')))
    FROM json_each(m.data, '$.summary.diffs') AS d WHERE d.type = 'object') END
FROM message AS m WHERE m.id = ?
"""

SessionRow = tuple[object, object, object]
"""Id, added and removed, as they came."""


class SessionLines:
    """What the sessions of one database say of changed lines, as far as it is new in a pass."""

    def __init__(self) -> None:
        self._before: dict[str, dict[object, SessionRow]] = {}
        """Generation to what was read of each session, by its id as the column has it."""

    def read(self, database: sqlite3.Connection, tables: Tables, *, all_sessions: bool) -> list[SessionRow]:
        """Return the rows of all sessions, or of the newest, that say something else than before. Raises ``sqlite3.Error``."""
        before = self._before.get(tables.generation, {})
        rows = _rows_of_sessions(database, tables, "1" if all_sessions else tables.newest)
        return [row for row in rows if before.get(row[0]) != row]

    def keep(self, tables: Tables, rows: Iterable[SessionRow]) -> None:
        """Keep what was read, once somebody has written it down."""
        self._before.setdefault(tables.generation, {}).update((row[0], row) for row in rows)

    def forget(self) -> None:
        """Start over: everything is new in the next pass."""
        self._before.clear()


def _rows_of_sessions(database: sqlite3.Connection, tables: Tables, which: str) -> list[SessionRow]:
    """Return the sessions that meet a condition and say that lines were changed."""
    if not tables.session_columns >= _COLUMNS:
        return []
    changed = "(s.summary_additions <> 0 OR s.summary_deletions <> 0)"
    columns_of = "s.id, s.summary_additions, s.summary_deletions"
    query = f"SELECT {columns_of} FROM {tables.sessions} AS s WHERE {changed} AND {which}"
    try:
        return database.execute(query).fetchall()
    except sqlite3.Error as error:
        if not is_of_the_query(error):
            raise
        return []  # an id that is too large is reported with its session


def of_sessions(rows: Iterable[SessionRow], name: str, problems: list[Problem]) -> list[Lines]:
    """Return the rows as plain values. A bad number counts as zero; ``problems`` gets it."""
    found = []
    for session_id, added, removed in rows:
        numbers = _numbers(added, removed)
        if None in numbers:
            problems.append(Problem(ProblemKind.BAD_NUMBER, f"{name}#{text_of(session_id)}", "summary"))
        found.append(Lines(text_of(session_id), "", *(number or 0 for number in numbers)))
    return found


class TurnLines:
    """The last turns of one table of 1.x. ``turns`` has the mark of each when it was read, and is changed."""

    def __init__(self, database: sqlite3.Connection, turns: dict[str, int]) -> None:
        self._database, self._turns = database, turns

    def watch(self, turn_ids: Iterable[str]) -> None:
        """Look at these turns from now on."""
        for turn_id in turn_ids:
            # At the end: the first ones are forgotten first.
            self._turns[turn_id] = self._turns.pop(turn_id, _NEVER)

    def read(self, name: str, problems: list[Problem]) -> list[Lines]:
        """Return what was changed in the turns that were written to since. Raises ``sqlite3.Error``."""
        if not self._turns:
            return []
        mark_of = "time_updated" if "time_updated" in columns(self._database, "message") else "length(data)"
        wanted = msgspec.json.encode(list(self._turns)).decode()
        found = []
        for row_id, marked in self._database.execute(_MARKS % mark_of, (wanted,)).fetchall():
            turn_id, mark = text_of(row_id), json_values.time_ms(marked) or 0
            if self._turns.get(turn_id, mark) != mark:
                self._turns[turn_id] = mark
                found += self._of_turn(turn_id, f"{name}#{turn_id}", problems)
        for turn_id in list(self._turns)[:-MOST_TURNS]:
            del self._turns[turn_id]
        return found

    def _of_turn(self, turn_id: str, place: str, problems: list[Problem]) -> list[Lines]:
        try:
            session_id, size, diffs = self._database.execute(_DIFFS, (turn_id,)).fetchone() or (None, None, None)
        except sqlite3.Error as error:
            if not is_of_the_query(error):
                raise
            problems.append(Problem(ProblemKind.TOO_LARGE, place, "the lines that it changed"))
            return []
        if diffs is None:
            if isinstance(size, int) and size > MAX_BYTES:
                problems.append(Problem(ProblemKind.TOO_LARGE, place, f"{size} characters: the lines that it changed"))
            return []
        files = [_numbers(*pair) for pair in msgspec.json.decode(diffs, type=list[tuple[object, object]])]
        if any(None in numbers for numbers in files):
            problems.append(Problem(ProblemKind.BAD_NUMBER, place, "summary.diffs"))
        added, removed = (sum(numbers[kind] or 0 for numbers in files) for kind in (0, 1))
        return [Lines(text_of(session_id), turn_id, added, removed)]


def _numbers(added: object, removed: object) -> tuple[int | None, int | None]:
    """Return both numbers, zero for one that is not there, ``None`` for one that cannot be."""
    first, second = (0 if number is None else json_values.count(number) for number in (added, removed))
    return first, second
