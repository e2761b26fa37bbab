"""Version 8 of the tables: contexts, sums that are kept, and indexes that a first look makes at its end."""

import sqlite3
from typing import Final

from otel_agent.ledger.migration_progress import OnMigration

_AT_ONCE: Final = 50_000
"""Messages that are moved between two reports of progress: a second or less."""
_NUMBERS: Final = "input, output, reasoning, cache_read, cache_write, cached_in_input, reasoning_in_output, cost_nusd"
_SUMS: Final = ",\n    ".join(f"{name} INTEGER NOT NULL DEFAULT 0" for name in ("messages", *_NUMBERS.split(", ")))
_CONTEXT: Final = "provider, model, agent, worktree, directory, source"
_KEPT: Final = (
    "number, id, session_id, generation, state, created_ms, completed_ms, source, "
    f"{_NUMBERS}, turn_id, finish, error_type, calls_model, copied"
)
_LAST: Final = "response_ms, first_output_ms, retries, variant"

_TABLES: Final = f"""
CREATE TABLE context (
    -- what many messages have in common, and the sums of those that are counted
    number INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    agent TEXT NOT NULL,
    worktree TEXT NOT NULL,
    directory TEXT NOT NULL,
    source INTEGER NOT NULL,                 -- model.UsageSource
    first_ms INTEGER,                        -- when the first and the last counted message ended; NULL if none is
    last_ms INTEGER,
    {_SUMS},
    UNIQUE ({_CONTEXT})
);

CREATE TABLE session_use (
    -- the sums of a session's counted messages
    session_id TEXT PRIMARY KEY,
    worktree TEXT NOT NULL,                  -- of any of its messages that has one
    directory TEXT NOT NULL,
    contexts TEXT NOT NULL,                  -- JSON array: the contexts of its messages
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    {_SUMS}
) WITHOUT ROWID;

CREATE TABLE slot_use (
    -- the sums of a session's counted messages that ended in one quarter of an hour
    slot INTEGER NOT NULL,                   -- ledger.answers.SLOT_MS each, from the Unix epoch
    session_id TEXT NOT NULL,
    unattributed INTEGER NOT NULL,           -- 1: usage that only the totals of a session know
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    {_SUMS},
    PRIMARY KEY (slot, session_id, unattributed)
) WITHOUT ROWID;

CREATE TABLE reach (
    -- in how many sessions something was used
    kind TEXT NOT NULL,                      -- ledger.kept_sums.KINDS
    key TEXT NOT NULL,                       -- JSON array of names
    sessions INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

CREATE TABLE message_8 (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,                 -- the identity that makes a message count once, for ever
    session_id TEXT NOT NULL,
    generation TEXT NOT NULL,
    state INTEGER NOT NULL,                  -- model.State
    created_ms INTEGER NOT NULL,
    completed_ms INTEGER,                    -- NULL: never completed, counted without it
    context INTEGER NOT NULL REFERENCES context (number),
    source INTEGER NOT NULL,                 -- as in its context
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    cached_in_input INTEGER NOT NULL,        -- cache_read tokens that input contains as well
    reasoning_in_output INTEGER NOT NULL,
    cost_nusd INTEGER NOT NULL,              -- billionths of a US dollar
    turn_id TEXT NOT NULL,
    finish TEXT NOT NULL,
    error_type TEXT NOT NULL,
    calls_model INTEGER NOT NULL,
    copied INTEGER NOT NULL,                 -- 1: its id says it may be a fork's copy
    began_ms INTEGER NOT NULL,               -- the time of creation that its copies have
    response_ms INTEGER,
    first_output_ms INTEGER,
    retries INTEGER NOT NULL,
    variant TEXT NOT NULL
);
"""
_VIEW: Final = """
CREATE VIEW whole_message AS SELECT m.*, c.provider, c.model, c.agent, c.worktree, c.directory
FROM message AS m JOIN context AS c ON c.number = m.context
"""
_INDEXES: Final = (
    "CREATE INDEX message_unsettled ON message (state) WHERE state < 2",
    # Asked at each start, and at each pass. Hardly any row is in them.
    "CREATE INDEX owed_refused ON owed (message) WHERE refused",
    "CREATE INDEX turn_called ON turn (state) WHERE caller <> ''",
)


def to_version_8(database: sqlite3.Connection, on_migration: OnMigration) -> None:
    """Move the messages into the new table. ``schema.prepare`` adds up the sums. Runs inside a migration.

    A call of 2.x that was retried in the same row gets its first beginning back. The hash that stood for the later one
    cannot be undone. A copy of just this call that is made later would count.
    """
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            database.execute(statement)
    database.execute(f"INSERT INTO context ({_CONTEXT}) SELECT DISTINCT {_CONTEXT} FROM message")
    _move(database, on_migration)
    database.execute("DROP TABLE message")
    database.execute("ALTER TABLE message_8 RENAME TO message")
    database.execute(_VIEW)
    for statement in _INDEXES:
        database.execute(statement)


def _move(database: sqlite3.Connection, on_migration: OnMigration) -> None:
    total = int(database.execute("SELECT count(*) FROM message").fetchone()[0])
    last = int(database.execute("SELECT ifnull(max(number), 0) FROM message").fetchone()[0])
    old = ", ".join(f"m.{name}" for name in _KEPT.split(", "))
    latest = ", ".join(f"m.{name}" for name in _LAST.split(", "))
    same = " AND ".join(f"c.{name} = m.{name}" for name in _CONTEXT.split(", "))
    moved = 0
    for begin in range(0, last, _AT_ONCE):
        moved += database.execute(
            f"INSERT INTO message_8 ({_KEPT}, context, began_ms, {_LAST}) "
            f"SELECT {old}, c.number, m.created_ms, {latest} FROM message AS m JOIN context AS c ON {same} "
            "WHERE m.number > ? AND m.number <= ? ORDER BY m.number",
            (begin, begin + _AT_ONCE),
        ).rowcount
        on_migration(moved, 2 * total)  # indexes and sums take about as long again
