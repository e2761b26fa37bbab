"""The totals that OpenCode 2.x keeps of each session: they hold usage that no row of a message has."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from otel_agent.model import Session, SessionTotals, Tokens
from otel_agent.opencode import json_values
from otel_agent.opencode.sqlite.known_tables import Tables
from otel_agent.opencode.sqlite.parts import text_of

_MIGRATED: Final = "SELECT max(time_created, time_updated) FROM kv WHERE key = 'migration.v1-v2'"

Row = tuple[object, ...]
"""A row of ``Tables.totals``, as it came."""


def read_rows(database: sqlite3.Connection, tables: Tables) -> frozenset[Row]:
    """Return the totals of all sessions as rows; none if the release keeps no totals. Raises ``sqlite3.Error``."""
    return frozenset(database.execute(tables.totals).fetchall()) if tables.totals else frozenset()


class DatabaseTotals:
    """The ``TotalsSource`` of one database. Its answers raise ``Unreadable``."""

    def __init__(
        self, connected: Callable[[], AbstractContextManager[tuple[sqlite3.Connection, list[Tables]]]]
    ) -> None:
        """``connected`` raises ``Unreadable``."""
        self._connected = connected

    def rows_of(self, session_ids: Sequence[str]) -> frozenset[str]:
        """Return the ids of the rows that can say what was used in these sessions."""
        return frozenset(text_of(row[0]) for row in self._ask("rows_of", session_ids))

    def totals_of(self, session_ids: Sequence[str]) -> list[SessionTotals]:
        """Return the totals of these sessions as they are now."""
        return [decoded(row) for row in self._ask("totals_of", session_ids)]

    def _ask(self, query: str, session_ids: Sequence[str]) -> list[Row]:
        if not session_ids:
            return []
        wanted = json.dumps(list(session_ids))
        with self._connected() as (database, tables):
            queries = [found for each in tables if (found := getattr(each, query))]
            return [row for found in queries for row in database.execute(found, (wanted,))]


def decoded(row: Row) -> SessionTotals:
    """Return a row as plain values. A bad number counts as zero."""
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
        tokens=Tokens(*(json_values.count(number) or 0 for number in tokens)),
        cost_nusd=json_values.cost_nusd(cost) or 0,
        fork_of=text_of(fork_of),
    )


def migrated_ms(database: sqlite3.Connection) -> int | None:
    """Return when 2.x imported the sessions of 1.x into this database, ``None`` if it did not.

    An import that was made to run again leaves the time of the first one, so the last change says more.
    """
    try:
        row = database.execute(_MIGRATED).fetchone()
    except sqlite3.OperationalError:
        return None  # no such table or column: this release imports nothing
    return json_values.time_ms(row[0]) if row else None
