"""The totals that OpenCode 2.x keeps of each session: they hold usage that no row of a message has."""

import sqlite3
from typing import Final

from otel_agent.model import Session, SessionTotals, Tokens
from otel_agent.opencode import json_values
from otel_agent.opencode.sqlite.known_tables import Tables
from otel_agent.opencode.sqlite.parts import text_of

_MIGRATED: Final = "SELECT time_created FROM kv WHERE key = 'migration.v1-v2'"

Row = tuple[object, ...]
"""A row of ``Tables.totals``, as it came."""


def read_rows(database: sqlite3.Connection, tables: Tables) -> frozenset[Row]:
    """Return the totals of all sessions as rows; none if the release keeps no totals. Raises ``sqlite3.Error``."""
    return frozenset(database.execute(tables.totals).fetchall()) if tables.totals else frozenset()


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
    )


def migrated_ms(database: sqlite3.Connection) -> int | None:
    """Return when 2.x imported the sessions of 1.x into this database, ``None`` if it did not."""
    try:
        row = database.execute(_MIGRATED).fetchone()
    except sqlite3.OperationalError:
        return None  # no such table or column: this release imports nothing
    return json_values.time_ms(row[0]) if row else None
