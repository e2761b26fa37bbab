"""Version 10 of the tables: the lines of code that OpenCode says were added and removed, and how many of them are counted."""

import sqlite3
from typing import Final

from otel_agent.ledger.migration_progress import OnMigration

_STATEMENTS: Final = (
    """
CREATE TABLE changed_lines (
    -- the most that a turn, or a session about all of it, ever said
    session_id TEXT NOT NULL,
    turn_id TEXT NOT NULL,                   -- '' for what the session says
    added INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    PRIMARY KEY (session_id, turn_id)
) WITHOUT ROWID""",
    """
CREATE TABLE counted_lines (
    session_id TEXT PRIMARY KEY,
    added INTEGER NOT NULL,                  -- in opencode.lines_of_code.count, or left out as history
    removed INTEGER NOT NULL,
    begun INTEGER NOT NULL,                  -- 1: it was decided what of it is history
    due INTEGER NOT NULL                     -- 1: the session or a turn of it said more since
) WITHOUT ROWID""",
    "CREATE INDEX counted_lines_due ON counted_lines (session_id) WHERE due",
)


def to_version_10(database: sqlite3.Connection, _: OnMigration) -> None:
    """Add the tables. Runs inside a migration."""
    for statement in _STATEMENTS:
        database.execute(statement)
