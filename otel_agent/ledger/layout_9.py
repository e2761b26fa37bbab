"""Version 9 of the tables: the tool calls of counted messages are kept, and the marks of the latest ones."""

import sqlite3
from typing import Final

from otel_agent.ledger.migration_progress import OnMigration

_STATEMENTS: Final = (
    # ledger.kept_calls.Found: the calls of messages from before are read when somebody asks for them
    "ALTER TABLE message ADD COLUMN calls_found INTEGER NOT NULL DEFAULT 0",
    """
CREATE TABLE tool (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
)""",
    """
CREATE TABLE kept_call (
    -- the tool calls of counted messages
    message INTEGER NOT NULL REFERENCES message (number),
    position INTEGER NOT NULL,               -- in its message, from 0
    tool INTEGER NOT NULL REFERENCES tool (number),
    outcome TEXT NOT NULL,                   -- model.Outcome
    started_ms INTEGER,                      -- NULL, as is the end: OpenCode does not record it
    ended_ms INTEGER,
    PRIMARY KEY (message, position)
) WITHOUT ROWID""",
    """
CREATE TABLE recent_call (
    -- the latest calls of a session, to see that one is made again and again; those of the last hour only
    number INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    mark BLOB NOT NULL                       -- of tool and input, by a key that is not in the ledger; empty for a model call
)""",
    "CREATE INDEX recent_call_session ON recent_call (session_id, number)",
)


def to_version_9(database: sqlite3.Connection, _: OnMigration) -> None:
    """Add the tables and the column. No message is rewritten, so this takes no time. Runs inside a migration."""
    for statement in _STATEMENTS:
        database.execute(statement)
