CREATE TABLE meta (
    -- one row for each fact about the ledger itself: ledger_id, created_ns, backfill_from_ms, instance_id, epoch_message
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
    -- spans that the backend has not taken yet
    message INTEGER PRIMARY KEY REFERENCES message (number),
    refused INTEGER NOT NULL DEFAULT 0       -- 1: refused on its own; kept, and tried again at the next start
);
