"""Version 9 of the tables keeps the tool calls of counted messages, the marks of the latest ones, and the loops that
they make."""

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
    -- the latest tool calls of each session, to see that one is made again and again; they live for an hour
    number INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    turn_id TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    mark BLOB NOT NULL,                      -- of tool and input, by a key that is not in the ledger
    edits INTEGER NOT NULL                   -- 1: it changed a file
)""",
    "CREATE INDEX recent_call_session ON recent_call (session_id, number)",
    """
CREATE TABLE loop (
    -- what was noticed in a session
    number INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    kind TEXT NOT NULL,                      -- model.LoopKind
    tool TEXT NOT NULL,                      -- '' for model calls
    mark BLOB NOT NULL,                      -- as in recent_call
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    calls INTEGER NOT NULL
)""",
    # How often tool calls were counted before they were kept: a proof of count compares the rest.
    """
INSERT INTO meta (key, value) SELECT 'calls_before', json_group_object(attributes, value) FROM series
WHERE metric = 'opencode.tool.call.count' HAVING count(*) > 0
""",
)


def to_version_9(database: sqlite3.Connection, _: OnMigration) -> None:
    """Add the tables and the column. No message is rewritten, so this takes no time. Runs inside a migration."""
    for statement in _STATEMENTS:
        database.execute(statement)
