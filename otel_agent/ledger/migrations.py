"""The ledger's tables, version by version. A step stays as it was written, because a ledger of any age goes through it."""

import sqlite3
from collections.abc import Callable
from typing import Final

from otel_agent.ledger import one_name
from otel_agent.ledger.layout_8 import to_version_8
from otel_agent.ledger.layout_9 import to_version_9
from otel_agent.ledger.layout_10 import to_version_10
from otel_agent.ledger.layout_11 import to_version_11
from otel_agent.ledger.migration_progress import OnMigration

_VERSION_1: Final = """
CREATE TABLE meta (
    -- one row for each fact about the ledger itself: ledger_id, created_ns, backfill_from_ms, instance_id, epoch_message,
    -- swept_ms, calls_from_ms
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE checkpoint (
    -- how far a reader got; written in the transaction that holds what it read
    place TEXT PRIMARY KEY,
    state BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE session (
    id TEXT PRIMARY KEY,
    parent_id TEXT NOT NULL DEFAULT '',
    worktree TEXT NOT NULL DEFAULT '',
    directory TEXT NOT NULL DEFAULT '',
    title TEXT NOT NULL DEFAULT '',          -- quotes prompts: stays here unless titles are switched on
    version TEXT NOT NULL DEFAULT '',
    created_ms INTEGER NOT NULL DEFAULT 0,
    forked INTEGER NOT NULL DEFAULT 0,
    counted INTEGER NOT NULL DEFAULT 0,      -- 1 once opencode.session.count holds it
    tracked INTEGER NOT NULL DEFAULT 0       -- 1 once the per-session series hold it
) WITHOUT ROWID;

CREATE TABLE message (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,                 -- the identity that makes a message count once, for ever
    session_id TEXT NOT NULL,
    generation TEXT NOT NULL,
    state INTEGER NOT NULL,                  -- model.State
    created_ms INTEGER NOT NULL,
    completed_ms INTEGER,                    -- NULL: never completed, counted without it
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    agent TEXT NOT NULL,
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
    compaction INTEGER NOT NULL,
    calls_model INTEGER NOT NULL,
    worktree TEXT NOT NULL,
    directory TEXT NOT NULL,
    copied INTEGER NOT NULL,                 -- 1: its id says it may be a fork's copy
    completion INTEGER NOT NULL              -- hash of what a message and its copies have in common
);
CREATE INDEX message_completion ON message (completion);
CREATE INDEX message_session ON message (session_id, created_ms);
CREATE INDEX message_unsettled ON message (state) WHERE state < 2;

CREATE TABLE series (
    -- the totals as they are published: integers in the metric's smallest unit
    metric TEXT NOT NULL,
    attributes TEXT NOT NULL,                -- JSON object, keys sorted
    start_ns INTEGER NOT NULL,               -- never changes: a cumulative sum keeps its start time across restarts
    changed_ns INTEGER NOT NULL,
    windowed INTEGER NOT NULL,               -- 1: published only while it changed within the session window
    value INTEGER NOT NULL,
    count INTEGER NOT NULL,                  -- histograms: number of observations
    buckets TEXT NOT NULL,                   -- histograms: JSON array of counts, else '[]'
    PRIMARY KEY (metric, attributes)
) WITHOUT ROWID;

CREATE TABLE owed (
    -- messages with spans that the backend has not accepted yet
    message INTEGER PRIMARY KEY REFERENCES message (number),
    refused INTEGER NOT NULL DEFAULT 0       -- 1: quarantined, tried again at the next start
);
"""

# Written out, not built from ``records``: a migration must stay as it was. A test holds that queries use the index.
_VERSION_2: Final = """
CREATE INDEX message_ended ON message (coalesce(completed_ms, created_ms)) WHERE state = 2;

CREATE TABLE problem (
    -- places in OpenCode's storage that cannot be read now
    place TEXT PRIMARY KEY,
    kind TEXT NOT NULL,                      -- model.ProblemKind
    detail TEXT NOT NULL,
    seen_ms INTEGER NOT NULL
) WITHOUT ROWID;
"""


_VERSION_3: Final = """
CREATE TABLE turn (
    -- a user message and all that answered it: one invoke_agent span
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,                 -- of the user message; a message that names none is its own turn
    trace TEXT NOT NULL,                     -- the turn that a person began
    caller TEXT NOT NULL,                    -- the part of the task tool's call that began it, or ''
    started_ms INTEGER NOT NULL,
    last_message INTEGER NOT NULL REFERENCES message (number),
    ended INTEGER NOT NULL,                  -- 1: the model is not asked again
    state INTEGER NOT NULL                   -- ledger.turns.TurnState
);
CREATE INDEX turn_open ON turn (state) WHERE state = 0;
CREATE INDEX turn_owed ON turn (number) WHERE state = 1;
CREATE INDEX turn_refused ON turn (number) WHERE state = 3;

CREATE TABLE tool_call (
    -- of the messages in owed: their spans are accepted together
    id TEXT PRIMARY KEY,                     -- of the part
    message INTEGER NOT NULL REFERENCES message (number),
    call_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    outcome TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX tool_call_message ON tool_call (message);

CREATE TABLE store (
    -- how many messages were counted from each store
    name TEXT NOT NULL,
    generation TEXT NOT NULL,
    messages INTEGER NOT NULL,
    PRIMARY KEY (name, generation)
) WITHOUT ROWID;

CREATE TABLE delivery (
    -- the delivery of each signal: written when it begins or stops to fail, or something new was accepted
    signal TEXT PRIMARY KEY,
    taken_ms INTEGER,                        -- when something new was last accepted
    failing_ms INTEGER,                      -- since when nothing is accepted; NULL: it is
    reason TEXT NOT NULL
) WITHOUT ROWID;
"""


_VERSION_4: Final = """
ALTER TABLE series ADD COLUMN told_value INTEGER;
ALTER TABLE series ADD COLUMN told_count INTEGER;
ALTER TABLE series ADD COLUMN told_buckets TEXT;
ALTER TABLE series ADD COLUMN told_ns INTEGER NOT NULL DEFAULT 0;
UPDATE series SET told_value = value, told_count = count, told_buckets = buckets, told_ns = changed_ns;
"""
"""The last accepted point of a series, and its time; NULL for the history of the very first start."""


_VERSION_5: Final = """
ALTER TABLE series ADD COLUMN open_value INTEGER;
ALTER TABLE series ADD COLUMN open_count INTEGER;
ALTER TABLE series ADD COLUMN open_buckets TEXT;
ALTER TABLE series ADD COLUMN open_ns INTEGER;
"""
"""The point of a series that was sent without an answer, and its time; NULL if all were answered."""


_VERSION_6: Final = """
ALTER TABLE message RENAME COLUMN compaction TO source;
ALTER TABLE message ADD COLUMN response_ms INTEGER;
ALTER TABLE message ADD COLUMN first_output_ms INTEGER;
ALTER TABLE message ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN variant TEXT NOT NULL DEFAULT '';
"""
"""``source`` is a ``model.UsageSource``: the flag that it was before has the same two values. ``completion`` was made
again here as well, which version 8 does without."""


def create(database: sqlite3.Connection) -> None:
    """Create the tables of version 1 in an empty database. Runs inside a transaction, as each step does."""
    for statement in _statements(_VERSION_1):
        database.execute(statement)


def _to_version_2(database: sqlite3.Connection, _: OnMigration) -> None:
    for statement in _statements(_VERSION_2):
        database.execute(statement)


def _to_version_3(database: sqlite3.Connection, _: OnMigration) -> None:
    """Give the messages that are pending the turn that their spans belong to."""
    for statement in _statements(_VERSION_3):
        database.execute(statement)
    database.execute(
        "INSERT INTO turn (id, trace, caller, started_ms, last_message, ended, state) "
        "SELECT turn, turn, '', min(created_ms), max(number), 1, 1 FROM "
        "(SELECT iif(turn_id = '', id, turn_id) AS turn, created_ms, number FROM message "
        "WHERE number IN (SELECT message FROM owed)) GROUP BY turn"
    )


def _to_version_4(database: sqlite3.Connection, _: OnMigration) -> None:
    for statement in _statements(_VERSION_4):
        database.execute(statement)


def _to_version_5(database: sqlite3.Connection, _: OnMigration) -> None:
    for statement in _statements(_VERSION_5):
        database.execute(statement)


def _to_version_6(database: sqlite3.Connection, _: OnMigration) -> None:
    for statement in _statements(_VERSION_6):
        database.execute(statement)


def _to_version_7(database: sqlite3.Connection, _: OnMigration) -> None:
    """Give agents and projects the one name that they have in messages that are read from now on."""
    one_name.fold_agents(database)
    one_name.fold_worktrees(database)


STEPS: Final[tuple[Callable[[sqlite3.Connection, OnMigration], None], ...]] = (
    _to_version_2,
    _to_version_3,
    _to_version_4,
    _to_version_5,
    _to_version_6,
    _to_version_7,
    to_version_8,
    to_version_9,
    to_version_10,
    to_version_11,
)
"""Index n holds the step from version n+1 to n+2; all steps run in one transaction. A step that takes long says how far it is."""


def _statements(script: str) -> list[str]:
    """Split a script, because ``executescript`` would commit on the way. No comment ends with a semicolon."""
    return [statement for statement in script.split(";\n") if statement.strip()]
