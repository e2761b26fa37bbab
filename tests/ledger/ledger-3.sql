CREATE TABLE checkpoint (
    -- how far a reader got; written in the transaction that holds what it read
    place TEXT PRIMARY KEY,
    state BLOB NOT NULL
) WITHOUT ROWID;
INSERT INTO "checkpoint" VALUES('v1:/home/dev/data/opencode/opencode.db',X'7B22696E6F6465223A31303730373335352C22726F776964223A362C227461696C223A226D73675F626562306330363935303035316A5858436F6A36667A34377362222C22757064617465645F6D73223A313739353730343431363737312C2273776570745F6D73223A313739353730343431363737312C22696E5F666C69676874223A5B5D7D');
CREATE TABLE delivery (
    -- how each signal stands: written when that changes, or when something new was taken
    signal TEXT PRIMARY KEY,
    taken_ms INTEGER,                        -- when something new was last taken
    failing_ms INTEGER,                      -- since when nothing is taken; NULL: it is
    reason TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "delivery" VALUES('metrics',1795704413208,1795704427399,'nothing answers there, or the connection was closed');
INSERT INTO "delivery" VALUES('traces',1795704412774,1795704427317,'nothing answers there, or the connection was closed');
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
INSERT INTO "message" VALUES(1,'msg_beb0772b5000751diXXALiBG7x','ses_414f88f3effePeExNidry8SCo8','v1',2,1769174692533,1769174712533,'zai-coding-plan','glm-4.7','build',1,2,3,4,5,0,2,1953125,'msg_beb077251000FLATOuwllhmRxk','stop','',0,1,'/home/dev/projects/persona','/home/dev/projects/persona',0,-3313534070920359850);
INSERT INTO "message" VALUES(2,'msg_beb085d15001rUzIHc2ojpZcpA','ses_414f88f3effePeExNidry8SCo8','v1',2,1769174752533,1769174772533,'zai-coding-plan','glm-4.7','build',2,4,6,8,10,0,4,3906250,'msg_beb085cb1001bEyFcBv3SLVr7E','stop','',0,1,'/home/dev/projects/persona','/home/dev/projects/persona',0,-4581334972759788208);
INSERT INTO "message" VALUES(3,'msg_beb094775002wOJbrxyaiYVjif','ses_414f88f3effePeExNidry8SCo8','v1',2,1769174812533,1769174832533,'zai-coding-plan','glm-4.7','build',4,8,12,16,20,0,8,7812500,'msg_beb0947110022XIT61F0m1hN55','stop','',0,1,'/home/dev/projects/persona','/home/dev/projects/persona',0,-1079063367498769780);
INSERT INTO "message" VALUES(4,'msg_beb0a31d50031QwCKLzz4OBser','ses_414f88f3effePeExNidry8SCo8','v1',2,1769174872533,1769174892533,'zai-coding-plan','glm-4.7','build',8,16,24,32,40,0,16,15625000,'msg_beb0a3171003Ti5S8Wtf8vZEAs','stop','',0,1,'/home/dev/projects/persona','/home/dev/projects/persona',0,563811018928910790);
INSERT INTO "message" VALUES(5,'msg_beb0b1c3500416tYP7qnAqC97d','ses_414f88f3effePeExNidry8SCo8','v1',2,1769174932533,1769174952533,'zai-coding-plan','glm-4.7','build',16,32,48,64,80,0,32,31250000,'msg_beb0a3171003Ti5S8Wtf8vZEAs','stop','',0,1,'/home/dev/projects/persona','/home/dev/projects/persona',0,-3843393693455057935);
INSERT INTO "message" VALUES(6,'msg_beb0c06950051jXXCoj6fz47sb','ses_414f88d4affe0agv5Sid2ALQP7','v1',2,1769174992533,1769175012533,'zai-coding-plan','glm-4.7','build',32,64,96,128,160,0,64,62500000,'msg_beb0c0631005bta6HiDPfNsn6J','stop','',0,1,'/home/dev/projects/persona','/home/dev/projects/persona',0,4331703939045596949);
CREATE TABLE meta (
    -- one row for each fact about the ledger itself: ledger_id, created_ns, backfill_from_ms, instance_id, epoch_message,
    -- swept_ms, calls_from_ms
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "meta" VALUES('backfill_from_ms','0');
INSERT INTO "meta" VALUES('calls_from_ms','1795618008899');
INSERT INTO "meta" VALUES('created_ns','1795704408899627900');
INSERT INTO "meta" VALUES('ledger_id','e13f1e4b-ae5a-419f-9231-d9d53fa28703');
INSERT INTO "meta" VALUES('swept_ms','1795704412692');
CREATE TABLE owed (
    -- spans that the backend has not taken yet
    message INTEGER PRIMARY KEY REFERENCES message (number),
    refused INTEGER NOT NULL DEFAULT 0       -- 1: refused on its own; kept, and tried again at the next start
);
INSERT INTO "owed" VALUES(4,0);
INSERT INTO "owed" VALUES(5,0);
INSERT INTO "owed" VALUES(6,0);
CREATE TABLE problem (
    -- what of OpenCode's storage cannot be read now
    place TEXT PRIMARY KEY,
    kind TEXT NOT NULL,                      -- model.ProblemKind
    detail TEXT NOT NULL,
    seen_ms INTEGER NOT NULL
) WITHOUT ROWID;
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
INSERT INTO "series" VALUES('gen_ai.client.inference.duration','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,120000,6,'[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6]');
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_read.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,252,0,'[]');
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_write.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,315,0,'[]');
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,630,0,'[]');
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.output_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,189,0,'[]');
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.reasoning.output_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,189,0,'[]');
INSERT INTO "series" VALUES('gen_ai.client.operation.duration','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,120000,6,'[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6]');
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,630,6,'[0, 0, 1, 2, 2, 1]');
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,189,6,'[0, 1, 2, 2, 1]');
INSERT INTO "series" VALUES('opencode.cost.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,123046875,0,'[]');
INSERT INTO "series" VALUES('opencode.message.count','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.message.outcome": "ok", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,6,0,'[]');
INSERT INTO "series" VALUES('opencode.session.count','{"opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,2,0,'[]');
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "cache_read", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,252,0,'[]');
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "cache_write", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,315,0,'[]');
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,63,0,'[]');
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,126,0,'[]');
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "reasoning", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795704412614716061,1795704427197407767,0,189,0,'[]');
INSERT INTO "series" VALUES('otel_agent.message.ingested','{"otel_agent.store.generation": "v1"}',1795704412614716061,1795704427197407767,0,6,0,'[]');
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
INSERT INTO "session" VALUES('ses_414f88d4affe0agv5Sid2ALQP7','','/home/dev/projects/persona','/home/dev/projects/persona','Rename the parser','1.1.27',1769174692533,0,1,0);
INSERT INTO "session" VALUES('ses_414f88f3effePeExNidry8SCo8','','/home/dev/projects/persona','/home/dev/projects/persona','Rename the parser','1.1.27',1769174692033,0,1,0);
CREATE TABLE store (
    -- what was counted from where
    name TEXT NOT NULL,
    generation TEXT NOT NULL,
    messages INTEGER NOT NULL,
    PRIMARY KEY (name, generation)
) WITHOUT ROWID;
INSERT INTO "store" VALUES('/home/dev/data/opencode/opencode.db','v1',6);
CREATE TABLE tool_call (
    -- of the messages in owed, whose spans these go with
    id TEXT PRIMARY KEY,                     -- of the part
    message INTEGER NOT NULL REFERENCES message (number),
    call_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    outcome TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE turn (
    -- a user message and all that answered it: one invoke_agent span
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,                 -- of the user message; where a message names none, its own
    trace TEXT NOT NULL,                     -- the turn that a person began
    caller TEXT NOT NULL,                    -- the part of the task tool's call that began it, or ''
    started_ms INTEGER NOT NULL,
    last_message INTEGER NOT NULL REFERENCES message (number),
    ended INTEGER NOT NULL,                  -- 1: the model is asked no more
    state INTEGER NOT NULL                   -- 0: goes on, 1: its span is owed, 2: taken, 3: refused
);
INSERT INTO "turn" VALUES(1,'msg_beb077251000FLATOuwllhmRxk','msg_beb077251000FLATOuwllhmRxk','',1769174692433,1,1,2);
INSERT INTO "turn" VALUES(2,'msg_beb085cb1001bEyFcBv3SLVr7E','msg_beb085cb1001bEyFcBv3SLVr7E','',1769174752433,2,1,2);
INSERT INTO "turn" VALUES(3,'msg_beb0947110022XIT61F0m1hN55','msg_beb0947110022XIT61F0m1hN55','',1769174812433,3,1,2);
INSERT INTO "turn" VALUES(4,'msg_beb0a3171003Ti5S8Wtf8vZEAs','msg_beb0a3171003Ti5S8Wtf8vZEAs','',1769174872433,5,1,1);
INSERT INTO "turn" VALUES(5,'msg_beb0c0631005bta6HiDPfNsn6J','msg_beb0c0631005bta6HiDPfNsn6J','',1769174992433,6,1,1);
CREATE INDEX message_completion ON message (completion);
CREATE INDEX message_session ON message (session_id, created_ms);
CREATE INDEX message_unsettled ON message (state) WHERE state < 2;
CREATE INDEX message_ended ON message (coalesce(completed_ms, created_ms)) WHERE state = 2;
CREATE INDEX turn_open ON turn (state) WHERE state = 0;
CREATE INDEX turn_owed ON turn (number) WHERE state = 1;
CREATE INDEX turn_refused ON turn (number) WHERE state = 3;
CREATE INDEX tool_call_message ON tool_call (message);
PRAGMA user_version = 3;
PRAGMA application_id = 132228839;
