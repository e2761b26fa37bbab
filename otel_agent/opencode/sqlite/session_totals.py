"""The totals that OpenCode 2.x keeps of each session: they hold usage that no row of a message has."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Final, TypeVar

from msgspec import Struct

from otel_agent.model import OldRow, Problem, ProblemKind, Session, SessionTotals, Tokens
from otel_agent.opencode import json_values
from otel_agent.opencode.answering import answer_of
from otel_agent.opencode.json_values import signed
from otel_agent.opencode.sqlite.failures import is_of_the_query, is_too_large
from otel_agent.opencode.sqlite.known_tables import Tables
from otel_agent.opencode.sqlite.old_rows import old_rows
from otel_agent.opencode.sqlite.parts import text_of
from otel_agent.opencode.sqlite.row_size import TooLarge, facts_of, rows_of_table
from otel_agent.opencode.sqlite.unknown_tables import has_rowid

_MIGRATED: Final = "SELECT max(time_created, time_updated) FROM kv WHERE key = 'migration.v1-v2'"

_AT_ONCE: Final = 50_000
"""Sessions in one question: their ids together are no value that is too large."""
_PIECE: Final = 2_000
"""Sessions whose totals are in memory at once, less than 2 MB: a million messages have 60,000."""
_PATIENCE_SECONDS: Final = 30.0
"""A database that hangs for so long is asked in the next pass."""
_Answer = TypeVar("_Answer")
Row = tuple[object, ...]
"""The columns of ``Tables.totals``, as they came."""
_Numbers = dict[object, Row]
"""Id of a session, as its column has it, to the numbers in these columns, after the id."""
_FIRST_NUMBER: Final = -7
"""Where the numbers begin in these columns: the time of the last change, the cost and the tokens."""


class _Found(Struct, frozen=True):
    """The numbers of the sessions that a pass looks at."""

    numbers: _Numbers
    are_all: bool

    def added_to(self, before: _Numbers) -> _Numbers:
        """Return the numbers of all sessions. It can be the ones of before, which are changed then."""
        if self.are_all:
            return self.numbers
        before.update(self.numbers)
        return before


class TotalsRead:
    """The totals of the sessions of one database: what changed in them since the last pass.

    OpenCode adds what a title used to a session's totals without a new time or a row. So the numbers of sessions are
    compared, and the rest is read of those that changed. To read all of it took three times as long.
    """

    def __init__(self) -> None:
        self._before: dict[str, _Numbers] = {}
        """Generation to the numbers of all sessions, as of the last pass in which all that changed was taken."""
        self._now: dict[str, _Found] = {}
        """Generation to what this pass found."""

    def read(self, database: sqlite3.Connection, tables: Tables, *, all_sessions: bool) -> bool:
        """Read the numbers of all sessions, or of the newest; return False if there are none. Raises ``sqlite3.Error``."""
        before = self._before.get(tables.generation)
        all_sessions = all_sessions or before is None
        rows = _numbers(database, tables, "1" if all_sessions else tables.newest)
        self._now[tables.generation] = _Found({row[0]: row for row in rows}, all_sessions)
        return bool(rows or (before and not all_sessions))

    def changed(
        self, database: sqlite3.Connection, tables: Tables, name: str, problems: list[Problem]
    ) -> Iterator[list[SessionTotals]]:
        """Yield the totals that are new or changed, some thousands at a time, with the numbers that ``read`` found.

        ``problems`` gets what is left out because it is too large; ``name`` is that of the database. What was not taken to
        the end, or was too large, is new again in the next pass. Raises ``sqlite3.Error``.
        """
        found, before = self._now[tables.generation], self._before.get(tables.generation)
        new = {text_of(key): row for key, row in found.numbers.items() if before is None or before.get(key) != row}
        by_id = before is not None and all(row[0] == key.encode() for key, row in new.items())
        large: dict[str, str] = {}
        for rows in _in_pieces(database, tables, list(new) if by_id else None, large):
            pairs = ((row, new.get(text_of(row[0]))) for row in rows)
            yield [decoded((*row[:_FIRST_NUMBER], *numbers[1:])) for row, numbers in pairs if numbers is not None]
        place = f"{tables.generation}:{name}"
        problems += [Problem(ProblemKind.TOO_LARGE, f"{place}#{key}", columns) for key, columns in large.items()]
        if not large:
            self._before[tables.generation] = found.added_to(before or {})

    def forget(self) -> None:
        """Start over: everything is new in the next pass."""
        self._before.clear()


def _numbers(database: sqlite3.Connection, tables: Tables, which: str) -> list[Row]:
    """Return the ids and numbers of the sessions that meet a condition."""
    if not tables.totals:
        return []
    columns = (tables.totals[0], *tables.totals[_FIRST_NUMBER:])
    try:
        return database.execute(f"SELECT {', '.join(columns)} {tables.of_totals} AND {which}").fetchall()
    except sqlite3.Error as error:
        if not is_too_large(error):
            raise
    return [row for row, _ in _one_by_one(database, tables, columns, _ids(database, tables))]


def _in_pieces(
    database: sqlite3.Connection, tables: Tables, session_ids: Sequence[str] | None, large: dict[str, str]
) -> Iterator[list[Row]]:
    """Yield the totals of these sessions, of all for ``None``, some thousands at a time.

    ``large`` gets the columns that are left out of a session because they are too large.
    """
    if session_ids is None:
        try:
            found = database.execute(f"SELECT {', '.join(tables.totals)} {tables.of_totals}")
            while rows := found.fetchmany(_PIECE):
                yield rows
            return
        except sqlite3.Error as error:
            if not is_too_large(error):
                raise
        session_ids = [text_of(id_) for id_ in _ids(database, tables)]
    # Once if there are none too: whatever else the store says of its totals is news then.
    for first in range(0, max(len(session_ids), 1), _PIECE):
        piece = session_ids[first : first + _PIECE]
        plain = _of_sessions(database, tables, piece)
        yield plain if plain is not None else list(_shortened(database, tables, piece, large))


def _shortened(
    database: sqlite3.Connection, tables: Tables, session_ids: Sequence[str], large: dict[str, str]
) -> Iterator[Row]:
    """Yield the totals of these sessions with nothing in place of what is too large."""
    for row, left_out in _one_by_one(database, tables, tables.totals, session_ids):
        yield row
        if left_out:
            large[text_of(row[0])] = ", ".join(column.removeprefix("s.") for column in left_out)


def rows_of_sessions(database: sqlite3.Connection, tables: Tables, session_ids: Sequence[str]) -> list[Row]:
    """Return the totals of these sessions as rows. Raises ``sqlite3.Error``."""
    if not tables.totals:
        return []
    found = _of_sessions(database, tables, session_ids)
    return list(_shortened(database, tables, session_ids, {})) if found is None else found


def _of_sessions(database: sqlite3.Connection, tables: Tables, session_ids: Sequence[str]) -> list[Row] | None:
    """Return the totals of these sessions; ``None`` if something in them is too large."""
    query = f"SELECT {', '.join(tables.totals)} {tables.of_totals} AND s.id IN (SELECT value FROM json_each(?))"
    try:
        return database.execute(query, (json.dumps(list(session_ids)),)).fetchall()
    except sqlite3.Error as error:
        if not is_too_large(error):
            raise
        return None


def _ids(database: sqlite3.Connection, tables: Tables) -> list[object]:
    """Return the ids of all sessions but those that are too large; none if they are not numbered."""
    if not has_rowid(database, tables.sessions):
        return []
    rows = rows_of_table(database, tables.sessions, f"SELECT s.rowid, s.id {tables.of_totals}")
    return [row[1] for row in rows if not isinstance(row, TooLarge)]


def _one_by_one(
    database: sqlite3.Connection, tables: Tables, columns: Sequence[str], session_ids: Iterable[object]
) -> Iterator[tuple[Row, list[str]]]:
    """Yield these columns of sessions with nothing in place of what is too large, and which columns that is."""
    for session_id in session_ids:
        key = session_id.decode("utf-8", "replace") if isinstance(session_id, bytes) else session_id
        row, left_out = facts_of(database, columns, f"{tables.of_totals} AND s.id = ?", (key,))
        if row is not None:
            yield row, left_out


class DatabaseTotals:
    """The ``TotalsSource`` of one database. Its answers raise ``Unreadable``."""

    def __init__(
        self, name: str, connected: Callable[[], AbstractContextManager[tuple[sqlite3.Connection, list[Tables]]]]
    ) -> None:
        """``name`` is that of the database. ``connected`` raises ``Unreadable``."""
        self._name, self._connected = name, connected

    def rows_of(self, session_ids: Sequence[str]) -> frozenset[str]:
        """Return the ids of the rows that can say what was used in these sessions."""
        found: set[str] = set()
        for start in range(0, len(session_ids), _AT_ONCE):
            wanted = json.dumps(session_ids[start : start + _AT_ONCE])
            found.update(self._ask(session_ids, partial(_row_ids, session_ids=wanted)))
        return frozenset(found)

    def rows_of_1_x(self, message_ids: Sequence[str]) -> list[OldRow]:
        """Return those of these messages of which the totals hold another number than counts."""
        pieces = (message_ids[start : start + _AT_ONCE] for start in range(0, len(message_ids), _AT_ONCE))
        return [row for piece in pieces for row in self._ask(piece, partial(old_rows, piece))]

    def totals_of(self, session_ids: Sequence[str]) -> list[SessionTotals]:
        """Return the totals of these sessions as they are now."""
        return self._ask(
            session_ids,
            lambda database, tables: [decoded(row) for row in rows_of_sessions(database, tables, session_ids)],
        )

    def _ask(
        self, session_ids: Sequence[str], question: Callable[[sqlite3.Connection, Tables], list[_Answer]]
    ) -> list[_Answer]:
        if not session_ids:
            return []

        def ask() -> list[_Answer]:
            with self._connected() as (database, tables):
                return [answer for each in tables for answer in question(database, each)]

        return answer_of(f"totals of {self._name}", ask, _PATIENCE_SECONDS)


def _row_ids(database: sqlite3.Connection, tables: Tables, session_ids: str) -> list[str]:
    """Return the ids of the rows of these sessions but those that are too large."""
    if tables.rows_of is None:
        return []
    try:
        return [text_of(row[1]) for row in database.execute(tables.rows_of, (session_ids,))]
    except sqlite3.Error as error:
        if not is_too_large(error):
            raise
    rows = rows_of_table(database, tables.messages, tables.rows_of, session_ids)
    return [text_of(row[1]) for row in rows if not isinstance(row, TooLarge)]


def decoded(row: Row) -> SessionTotals:
    """Return a row as plain values. A bad number counts as zero; one below zero came from rows of 1.3."""
    session_id, parent, directory, title, version, created, worktree, fork_of, updated, cost, *tokens = row
    created_ms = json_values.time_ms(created) or 0
    session = Session(
        id=text_of(session_id),
        parent_id=text_of(parent),
        worktree=text_of(worktree),
        directory=text_of(directory),
        title=text_of(title),
        version=text_of(version),
        created_ms=created_ms,
        forked=bool(fork_of),
    )
    return SessionTotals(
        session=session,
        updated_ms=max(json_values.time_ms(updated) or 0, created_ms),
        tokens=Tokens(*(signed(json_values.count, number) or 0 for number in tokens)),
        cost_nusd=signed(json_values.cost_nusd, cost) or 0,
        fork_of=text_of(fork_of),
    )


def migrated_ms(database: sqlite3.Connection, tables: Sequence[Tables]) -> int | None:
    """Return when 2.x imported the sessions of 1.x into this database, ``None`` if it did not.

    An import that was made to run again leaves the time of the first one, so the last change says more.
    """
    if not any("kv" in each.present for each in tables):
        return None
    try:
        row = database.execute(_MIGRATED).fetchone()
    except sqlite3.Error as error:
        if not is_of_the_query(error):
            raise
        return None  # no such column: this release imports nothing
    return json_values.time_ms(row[0]) if row else None
