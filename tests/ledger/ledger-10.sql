CREATE TABLE changed_lines (
    -- the most that a turn, or a session about all of it, ever said
    session_id TEXT NOT NULL,
    turn_id TEXT NOT NULL,                   -- '' for what the session says
    added INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    PRIMARY KEY (session_id, turn_id)
) WITHOUT ROWID;
CREATE TABLE checkpoint (
    -- how far a reader got; written in the transaction that holds what it read
    place TEXT PRIMARY KEY,
    state BLOB NOT NULL
) WITHOUT ROWID;
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
    messages INTEGER NOT NULL DEFAULT 0,
    input INTEGER NOT NULL DEFAULT 0,
    output INTEGER NOT NULL DEFAULT 0,
    reasoning INTEGER NOT NULL DEFAULT 0,
    cache_read INTEGER NOT NULL DEFAULT 0,
    cache_write INTEGER NOT NULL DEFAULT 0,
    cached_in_input INTEGER NOT NULL DEFAULT 0,
    reasoning_in_output INTEGER NOT NULL DEFAULT 0,
    cost_nusd INTEGER NOT NULL DEFAULT 0,
    UNIQUE (provider, model, agent, worktree, directory, source)
);
INSERT INTO "context" VALUES(1,'anthropic','claude-sonnet-4-5','build','/home/dev/projects/persona','/home/dev/projects/persona',0,1795345537232,1795345596502,2,5161,390,97,0,0,0,0,22788000);
INSERT INTO "context" VALUES(2,'zai-coding-plan','glm-4.7','Sisyphus','/home/dev/projects/persona','/home/dev/projects/persona',0,1795345543639,1795345544223,2,14683,431,0,5740,0,0,0,0);
INSERT INTO "context" VALUES(3,'openai','gpt-5.2-codex','Oracle','/home/dev/projects/agent-monitor','/home/dev/projects/agent-monitor',0,1795345549937,1795345549937,1,1438,353,0,1438,0,0,0,5507250);
INSERT INTO "context" VALUES(4,'anthropic','claude-sonnet-4-5','build','/home/dev/projects/agent-monitor','/home/dev/projects/agent-monitor',0,1795345555409,1795345555872,2,31890,651,325,0,0,0,0,110310000);
INSERT INTO "context" VALUES(5,'anthropic','claude-sonnet-4-5','general','/home/dev/projects/agent-monitor','/home/dev/projects/agent-monitor',0,1795345555236,1795345555236,1,19134,478,0,0,0,0,0,64572000);
INSERT INTO "context" VALUES(6,'zai-coding-plan','glm-4.7','Sisyphus','/','/home/dev/scratch',0,1795345560279,1795345560279,1,3196,330,0,0,0,0,0,0);
INSERT INTO "context" VALUES(7,'openai','gpt-5.2-codex','build','/home/dev/projects/agent-monitor','/home/dev/projects/agent-monitor',0,1795345564769,1795345564769,1,0,0,0,0,0,0,0,0);
INSERT INTO "context" VALUES(8,'zai-coding-plan','glm-4.7','build','/home/dev/projects/persona','/home/dev/projects/persona',0,1795345569801,1795345569801,1,6925,186,0,6925,0,0,0,0);
INSERT INTO "context" VALUES(9,'zai-coding-plan','glm-4.7','Sisyphus','/home/dev/projects/agent-monitor','/home/dev/projects/agent-monitor',0,1795345575967,1795345583002,4,26175,1377,255,14938,0,0,0,0);
CREATE TABLE counted_lines (
    session_id TEXT PRIMARY KEY,
    added INTEGER NOT NULL,                  -- in opencode.lines_of_code.count, or left out as history
    removed INTEGER NOT NULL,
    begun INTEGER NOT NULL,                  -- 1: it was decided what of it is history
    due INTEGER NOT NULL                     -- 1: the session or a turn of it said more since
) WITHOUT ROWID;
CREATE TABLE delivery (
    -- the delivery of each signal: written when it begins or stops to fail, or something new was accepted
    signal TEXT PRIMARY KEY,
    taken_ms INTEGER,                        -- when something new was last accepted
    failing_ms INTEGER,                      -- since when nothing is accepted; NULL: it is
    reason TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "delivery" VALUES('metrics',1795739328485,NULL,'');
INSERT INTO "delivery" VALUES('traces',1795739328369,NULL,'');
CREATE TABLE kept_call (
    -- the tool calls of counted messages
    message INTEGER NOT NULL REFERENCES message (number),
    position INTEGER NOT NULL,               -- in its message, from 0
    tool INTEGER NOT NULL REFERENCES tool (number),
    outcome TEXT NOT NULL,                   -- model.Outcome
    started_ms INTEGER,                      -- NULL, as is the end: OpenCode does not record it
    ended_ms INTEGER,
    PRIMARY KEY (message, position)
) WITHOUT ROWID;
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
);
CREATE TABLE "message" (
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
, calls_found INTEGER NOT NULL DEFAULT 0);
INSERT INTO "message" VALUES(1,'msg_202eecf24001e0MNfvUgGyTpy6','ses_dfd113223ffepOjWPyPpHnLEy0','v1',2,1795345534756,1795345537232,1,0,928,196,0,0,0,0,0,5724000,'msg_202eecea9001wyqwovWizMZJRg','stop','',1,0,1795345534756,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(2,'msg_202eeeaa0001R847frFE0vDwbl','ses_dfd1116cbffemnCnGE9TZgFiKb','v1',2,1795345541792,1795345543639,2,0,5741,128,0,5740,0,0,0,0,'msg_202eeea16001oRRNUl4Wu6pcv1','tool-calls','',1,0,1795345541792,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(3,'msg_202eef1e4001SwR6Esl7FUq7vo','ses_dfd1116cbffemnCnGE9TZgFiKb','v1',2,1795345543652,1795345544223,2,0,8942,303,0,0,0,0,0,0,'msg_202eeea16001oRRNUl4Wu6pcv1','stop','',1,0,1795345543652,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(4,'msg_202ef045d001jAcnNiA8zEXuvy','ses_dfd10fcd4ffeWARXwvfLyWyV2r','v1',2,1795345548381,1795345549937,3,0,1438,353,0,1438,0,0,0,5507250,'msg_202ef03c4001LZRezJYrPs8Atb','stop','',1,0,1795345548381,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(5,'msg_202ef192b001Kynh8CrpbSkfLy','ses_dfd10e7d3ffeQxfjnyz74AN849','v1',2,1795345553707,1795345555409,4,0,17438,370,185,0,0,0,0,60639000,'msg_202ef18da001XxoJMjpDu30FSR','tool-calls','',1,0,1795345553707,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(6,'msg_202ef1d45001ThW7NLME2ybt4T','ses_dfd10e31dffe63fo19ozp7fH4v','v1',2,1795345554757,1795345555236,5,0,19134,478,0,0,0,0,0,64572000,'msg_202ef1cff0018KwjL0Cj1fE1vF','stop','',1,0,1795345554757,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(7,'msg_202ef1fd7001sM39SUmkZoq4zc','ses_dfd10e7d3ffeQxfjnyz74AN849','v1',2,1795345555415,1795345555872,4,0,14452,281,140,0,0,0,0,49671000,'msg_202ef18da001XxoJMjpDu30FSR','stop','',1,0,1795345555415,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(8,'msg_202ef2f2c001lLQNhpMx8dSZDH','ses_dfd10d1e5ffeGJnIJWkOhKUhnW','v1',2,1795345559340,1795345560279,6,0,3196,330,0,0,0,0,0,0,'msg_202ef2ed7001U7W5n0ZWG8kFBr','stop','',1,0,1795345559340,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(9,'msg_202ef4065001GbfEr0Kp9YF6vu','ses_dfd10c09cffegsUmmiZ2iACTdy','v1',2,1795345563749,1795345564769,7,0,0,0,0,0,0,0,0,0,'msg_202ef3ff2001DC4evIl46d4RDs','','APIError',1,0,1795345563749,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(10,'msg_202ef529a0015vFOoHyRrNi4yp','ses_dfd1116cbffemnCnGE9TZgFiKb','v1',2,1795345568410,1795345569801,8,0,6925,186,0,6925,0,0,0,0,'msg_202ef522c001xnq3bsAeUlYhkp','stop','',1,0,1795345568410,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(11,'msg_202ef6878001DF3X3hM0NPtWYS','ses_dfd10c09cffegsUmmiZ2iACTdy','v1',2,1795345574008,1795345575967,9,0,3045,365,182,3045,0,0,0,0,'msg_202ef67fe001itMZhuIk3Eirzx','tool-calls','',1,0,1795345574008,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(12,'msg_202ef702f001Xb7LfMqV2PDCR8','ses_dfd10c09cffegsUmmiZ2iACTdy','v1',2,1795345575983,1795345576571,9,0,5956,147,73,5956,0,0,0,0,'msg_202ef67fe001itMZhuIk3Eirzx','stop','',1,0,1795345575983,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(13,'msg_202ef82dc001PjO4mdWTfCclSc','ses_dfd10c09cffegsUmmiZ2iACTdy','v1',2,1795345580764,1795345582509,9,0,11237,394,0,0,0,0,0,0,'msg_202ef8279001O5jNOmsJ7RHIgg','tool-calls','',1,0,1795345580764,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(14,'msg_202ef89b6001gPskZ9nli5UVqA','ses_dfd10c09cffegsUmmiZ2iACTdy','v1',2,1795345582518,1795345583002,9,0,5937,471,0,5937,0,0,0,0,'msg_202ef8279001O5jNOmsJ7RHIgg','stop','',1,0,1795345582518,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(15,'msg_202efb840001cjwtOeiMX6hI1g','ses_dfd104887ffetgb3kn4p2emDcD','v1',3,1795345534756,1795345537232,1,0,928,196,0,0,0,0,0,5724000,'msg_202efb794001XpcI3UI7AstDIZ','stop','',1,1,1795345534756,NULL,NULL,0,'',0);
INSERT INTO "message" VALUES(16,'msg_202efba10001N2plyq0UtTTPxf','ses_dfd104887ffetgb3kn4p2emDcD','v1',2,1795345594896,1795345596502,1,0,4233,194,97,0,0,0,0,17064000,'msg_202efb9d4001XvLeWbdPf5yHr6','stop','',1,0,1795345594896,NULL,NULL,0,'',0);
CREATE TABLE meta (
    -- one row for each fact about the ledger itself: ledger_id, created_ns, backfill_from_ms, instance_id, epoch_message,
    -- swept_ms, calls_from_ms
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "meta" VALUES('backfill_from_ms','0');
INSERT INTO "meta" VALUES('calls_from_ms','1795652927957');
INSERT INTO "meta" VALUES('created_ns','1795739327957946086');
INSERT INTO "meta" VALUES('ledger_id','fe38ec57-4772-4b62-9418-ded9f566777c');
INSERT INTO "meta" VALUES('lines_from_ms','0');
INSERT INTO "meta" VALUES('sent_changes','2');
INSERT INTO "meta" VALUES('stores_read','["/home/dev/.local/share/opencode/opencode.db"]');
INSERT INTO "meta" VALUES('swept_ms','1795739328330');
CREATE TABLE owed (
    -- messages with spans that the backend has not accepted yet
    message INTEGER PRIMARY KEY REFERENCES message (number),
    refused INTEGER NOT NULL DEFAULT 0       -- 1: quarantined, tried again at the next start
);
CREATE TABLE problem (
    -- places in OpenCode's storage that cannot be read now
    place TEXT PRIMARY KEY,
    kind TEXT NOT NULL,                      -- model.ProblemKind
    detail TEXT NOT NULL,
    seen_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE reach (
    -- in how many sessions something was used
    kind TEXT NOT NULL,                      -- ledger.kept_sums.KINDS
    key TEXT NOT NULL,                       -- JSON array of names
    sessions INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
INSERT INTO "reach" VALUES('agent','["Oracle"]',1);
INSERT INTO "reach" VALUES('agent','["Sisyphus"]',3);
INSERT INTO "reach" VALUES('agent','["build"]',5);
INSERT INTO "reach" VALUES('agent','["general"]',1);
INSERT INTO "reach" VALUES('model','["anthropic", "claude-sonnet-4-5"]',4);
INSERT INTO "reach" VALUES('model','["openai", "gpt-5.2-codex"]',2);
INSERT INTO "reach" VALUES('model','["zai-coding-plan", "glm-4.7"]',3);
INSERT INTO "reach" VALUES('place','["", "/home/dev/scratch"]',1);
INSERT INTO "reach" VALUES('place','["/home/dev/projects/agent-monitor", ""]',4);
INSERT INTO "reach" VALUES('place','["/home/dev/projects/persona", ""]',3);
INSERT INTO "reach" VALUES('project','[""]',1);
INSERT INTO "reach" VALUES('project','["/home/dev/projects/agent-monitor"]',4);
INSERT INTO "reach" VALUES('project','["/home/dev/projects/persona"]',3);
CREATE TABLE recent_call (
    -- the latest tool calls of each session, to see that one is made again and again; they live for an hour
    number INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    turn_id TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    mark BLOB NOT NULL,                      -- of tool and input, by a key that is not in the ledger
    edits INTEGER NOT NULL                   -- 1: it changed a file
);
CREATE TABLE series (
    -- the totals as they are published: integers in the metric's smallest unit
    metric TEXT NOT NULL,
    attributes TEXT NOT NULL,                -- JSON object, keys sorted
    start_ns INTEGER NOT NULL,               -- never changes: a cumulative sum keeps its start time across restarts
    changed_ns INTEGER NOT NULL,
    windowed INTEGER NOT NULL,               -- 1: published only while it changed within the session window
    value INTEGER NOT NULL,
    count INTEGER NOT NULL,                  -- histograms: number of observations
    buckets TEXT NOT NULL, told_value INTEGER, told_count INTEGER, told_buckets TEXT, told_ns INTEGER NOT NULL DEFAULT 0, open_value INTEGER, open_count INTEGER, open_buckets TEXT, open_ns INTEGER,                   -- histograms: JSON array of counts, else '[]'
    PRIMARY KEY (metric, attributes)
) WITHOUT ROWID;
INSERT INTO "series" VALUES('gen_ai.client.inference.duration','{"error.type": "APIError", "gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1020,1,'[0, 0, 0, 0, 0, 0, 0, 1]',1020,1,'[0, 0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.duration','{"gen_ai.agent.name": "Oracle", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1556,1,'[0, 0, 0, 0, 0, 0, 0, 0, 1]',1556,1,'[0, 0, 0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.duration','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1072,2,'[0, 0, 0, 0, 0, 0, 2]',1072,2,'[0, 0, 0, 0, 0, 0, 2]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.duration','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,571,1,'[0, 0, 0, 0, 0, 0, 1]',571,1,'[0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.duration','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "scratch"}',1795739268303509513,1795739328303509513,0,939,1,'[0, 0, 0, 0, 0, 0, 0, 1]',939,1,'[0, 0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.duration','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,457,1,'[0, 0, 0, 0, 0, 0, 1]',457,1,'[0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.duration','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,4082,2,'[0, 0, 0, 0, 0, 0, 0, 0, 2]',4082,2,'[0, 0, 0, 0, 0, 0, 0, 0, 2]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.duration','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,1391,1,'[0, 0, 0, 0, 0, 0, 0, 0, 1]',1391,1,'[0, 0, 0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.duration','{"gen_ai.agent.name": "general", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,479,1,'[0, 0, 0, 0, 0, 0, 1]',479,1,'[0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_read.input_tokens','{"gen_ai.agent.name": "Oracle", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1438,0,'[]',1438,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_read.input_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,14938,0,'[]',14938,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_read.input_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,5740,0,'[]',5740,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_read.input_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "scratch"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_read.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_read.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_read.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_read.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,6925,0,'[]',6925,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_read.input_tokens','{"gen_ai.agent.name": "general", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_write.input_tokens','{"gen_ai.agent.name": "Oracle", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_write.input_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_write.input_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_write.input_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "scratch"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_write.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_write.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_write.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_write.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.cache_write.input_tokens','{"gen_ai.agent.name": "general", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.input_tokens','{"gen_ai.agent.name": "Oracle", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,2876,0,'[]',2876,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.input_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,41113,0,'[]',41113,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.input_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,20423,0,'[]',20423,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.input_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "scratch"}',1795739268303509513,1795739328303509513,0,3196,0,'[]',3196,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,31890,0,'[]',31890,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,5161,0,'[]',5161,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.input_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,13850,0,'[]',13850,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.input_tokens','{"gen_ai.agent.name": "general", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,19134,0,'[]',19134,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.output_tokens','{"gen_ai.agent.name": "Oracle", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,353,0,'[]',353,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.output_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1632,0,'[]',1632,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.output_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,431,0,'[]',431,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.output_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "scratch"}',1795739268303509513,1795739328303509513,0,330,0,'[]',330,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.output_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,976,0,'[]',976,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.output_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,487,0,'[]',487,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.output_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.output_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,186,0,'[]',186,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.output_tokens','{"gen_ai.agent.name": "general", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,478,0,'[]',478,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.reasoning.output_tokens','{"gen_ai.agent.name": "Oracle", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.reasoning.output_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,255,0,'[]',255,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.reasoning.output_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.reasoning.output_tokens','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "scratch"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.reasoning.output_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,325,0,'[]',325,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.reasoning.output_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,97,0,'[]',97,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.reasoning.output_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.reasoning.output_tokens','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.inference.usage.reasoning.output_tokens','{"gen_ai.agent.name": "general", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.modality": "unknown", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.operation.duration','{"error.type": "APIError", "gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1020,1,'[0, 0, 0, 0, 0, 0, 0, 1]',1020,1,'[0, 0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.operation.duration','{"gen_ai.agent.name": "Oracle", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1556,1,'[0, 0, 0, 0, 0, 0, 0, 0, 1]',1556,1,'[0, 0, 0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.operation.duration','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1072,2,'[0, 0, 0, 0, 0, 0, 2]',1072,2,'[0, 0, 0, 0, 0, 0, 2]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.operation.duration','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,571,1,'[0, 0, 0, 0, 0, 0, 1]',571,1,'[0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.operation.duration','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "scratch"}',1795739268303509513,1795739328303509513,0,939,1,'[0, 0, 0, 0, 0, 0, 0, 1]',939,1,'[0, 0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.operation.duration','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,457,1,'[0, 0, 0, 0, 0, 0, 1]',457,1,'[0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.operation.duration','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,4082,2,'[0, 0, 0, 0, 0, 0, 0, 0, 2]',4082,2,'[0, 0, 0, 0, 0, 0, 0, 0, 2]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.operation.duration','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,1391,1,'[0, 0, 0, 0, 0, 0, 0, 0, 1]',1391,1,'[0, 0, 0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.operation.duration','{"gen_ai.agent.name": "general", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,479,1,'[0, 0, 0, 0, 0, 0, 1]',479,1,'[0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "Oracle", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,2876,1,'[0, 0, 0, 0, 0, 0, 1]',2876,1,'[0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "Oracle", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,353,1,'[0, 0, 0, 0, 0, 1]',353,1,'[0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,41113,4,'[0, 0, 0, 0, 0, 0, 0, 4]',41113,4,'[0, 0, 0, 0, 0, 0, 0, 4]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,20423,2,'[0, 0, 0, 0, 0, 0, 0, 2]',20423,2,'[0, 0, 0, 0, 0, 0, 0, 2]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "scratch"}',1795739268303509513,1795739328303509513,0,3196,1,'[0, 0, 0, 0, 0, 0, 1]',3196,1,'[0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1632,4,'[0, 0, 0, 0, 1, 3]',1632,4,'[0, 0, 0, 0, 1, 3]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,431,2,'[0, 0, 0, 0, 1, 1]',431,2,'[0, 0, 0, 0, 1, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "scratch"}',1795739268303509513,1795739328303509513,0,330,1,'[0, 0, 0, 0, 0, 1]',330,1,'[0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,31890,2,'[0, 0, 0, 0, 0, 0, 0, 1, 1]',31890,2,'[0, 0, 0, 0, 0, 0, 0, 1, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,5161,2,'[0, 0, 0, 0, 0, 1, 0, 1]',5161,2,'[0, 0, 0, 0, 0, 1, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,976,2,'[0, 0, 0, 0, 0, 2]',976,2,'[0, 0, 0, 0, 0, 2]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,487,2,'[0, 0, 0, 0, 1, 1]',487,2,'[0, 0, 0, 0, 1, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,13850,1,'[0, 0, 0, 0, 0, 0, 0, 1]',13850,1,'[0, 0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "build", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,186,1,'[0, 0, 0, 0, 1]',186,1,'[0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "general", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "input", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,19134,1,'[0, 0, 0, 0, 0, 0, 0, 0, 1]',19134,1,'[0, 0, 0, 0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.client.token.usage','{"gen_ai.agent.name": "general", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "output", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,478,1,'[0, 0, 0, 0, 0, 1]',478,1,'[0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.invoke_agent.duration','{"error.type": "APIError", "gen_ai.agent.name": "build", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1135,1,'[0, 0, 0, 0, 1]',1135,1,'[0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.invoke_agent.duration','{"gen_ai.agent.name": "Oracle", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1709,1,'[0, 0, 0, 0, 0, 1]',1709,1,'[0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.invoke_agent.duration','{"gen_ai.agent.name": "Sisyphus", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,5022,2,'[0, 0, 0, 0, 0, 2]',5022,2,'[0, 0, 0, 0, 0, 2]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.invoke_agent.duration','{"gen_ai.agent.name": "Sisyphus", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,2569,1,'[0, 0, 0, 0, 0, 1]',2569,1,'[0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.invoke_agent.duration','{"gen_ai.agent.name": "Sisyphus", "opencode.agent.kind": "primary", "opencode.project.name": "scratch"}',1795739268303509513,1795739328303509513,0,1024,1,'[0, 0, 0, 0, 1]',1024,1,'[0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.invoke_agent.duration','{"gen_ai.agent.name": "build", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,2246,1,'[0, 0, 0, 0, 0, 1]',2246,1,'[0, 0, 0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.invoke_agent.duration','{"gen_ai.agent.name": "build", "opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,5766,3,'[0, 0, 0, 0, 1, 2]',5766,3,'[0, 0, 0, 0, 1, 2]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('gen_ai.invoke_agent.duration','{"gen_ai.agent.name": "general", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,549,1,'[0, 0, 0, 1]',549,1,'[0, 0, 0, 1]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.cost.usage','{"gen_ai.agent.name": "Oracle", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,5507250,0,'[]',5507250,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.cost.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.cost.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.cost.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "scratch", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.cost.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,110310000,0,'[]',110310000,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.cost.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,22788000,0,'[]',22788000,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.cost.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.cost.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.cost.usage','{"gen_ai.agent.name": "general", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,64572000,0,'[]',64572000,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.message.count','{"gen_ai.agent.name": "Oracle", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "opencode.agent.kind": "primary", "opencode.message.outcome": "ok", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1,0,'[]',1,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.message.count','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.message.outcome": "ok", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,4,0,'[]',4,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.message.count','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.message.outcome": "ok", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,2,0,'[]',2,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.message.count','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.message.outcome": "ok", "opencode.project.name": "scratch"}',1795739268303509513,1795739328303509513,0,1,0,'[]',1,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.message.count','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "opencode.agent.kind": "primary", "opencode.message.outcome": "ok", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,2,0,'[]',2,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.message.count','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "opencode.agent.kind": "primary", "opencode.message.outcome": "ok", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,2,0,'[]',2,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.message.count','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "opencode.agent.kind": "primary", "opencode.message.outcome": "error", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1,0,'[]',1,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.message.count','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "opencode.agent.kind": "primary", "opencode.message.outcome": "ok", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,1,0,'[]',1,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.message.count','{"gen_ai.agent.name": "general", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "opencode.agent.kind": "subagent", "opencode.message.outcome": "ok", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1,0,'[]',1,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.session.count','{"opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,3,0,'[]',3,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.session.count','{"opencode.agent.kind": "primary", "opencode.project.name": "persona"}',1795739268303509513,1795739328303509513,0,3,0,'[]',3,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.session.count','{"opencode.agent.kind": "primary", "opencode.project.name": "scratch"}',1795739268303509513,1795739328303509513,0,1,0,'[]',1,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.session.count','{"opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor"}',1795739268303509513,1795739328303509513,0,1,0,'[]',1,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Oracle", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.type": "cache_read", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,1438,0,'[]',1438,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Oracle", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.type": "cache_write", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Oracle", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,1438,0,'[]',1438,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Oracle", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,353,0,'[]',353,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Oracle", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.type": "reasoning", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "cache_read", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,14938,0,'[]',14938,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "cache_read", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,5740,0,'[]',5740,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "cache_read", "opencode.agent.kind": "primary", "opencode.project.name": "scratch", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "cache_write", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "cache_write", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "cache_write", "opencode.agent.kind": "primary", "opencode.project.name": "scratch", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,26175,0,'[]',26175,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,14683,0,'[]',14683,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "scratch", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,3196,0,'[]',3196,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,1377,0,'[]',1377,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,431,0,'[]',431,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "scratch", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,330,0,'[]',330,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "reasoning", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,255,0,'[]',255,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "reasoning", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "Sisyphus", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "reasoning", "opencode.agent.kind": "primary", "opencode.project.name": "scratch", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "cache_read", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "cache_read", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "cache_write", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "cache_write", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,31890,0,'[]',31890,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,5161,0,'[]',5161,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,651,0,'[]',651,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,390,0,'[]',390,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "reasoning", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,325,0,'[]',325,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "reasoning", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,97,0,'[]',97,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.type": "cache_read", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.type": "cache_write", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5.2-codex", "gen_ai.token.type": "reasoning", "opencode.agent.kind": "primary", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "cache_read", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,6925,0,'[]',6925,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "cache_write", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "input", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,6925,0,'[]',6925,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "output", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,186,0,'[]',186,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "build", "gen_ai.provider.name": "zai-coding-plan", "gen_ai.request.model": "glm-4.7", "gen_ai.token.type": "reasoning", "opencode.agent.kind": "primary", "opencode.project.name": "persona", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "general", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "cache_read", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "general", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "cache_write", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "general", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "input", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,19134,0,'[]',19134,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "general", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "output", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,478,0,'[]',478,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('opencode.token.usage','{"gen_ai.agent.name": "general", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.token.type": "reasoning", "opencode.agent.kind": "subagent", "opencode.project.name": "agent-monitor", "opencode.usage.source": "message"}',1795739268303509513,1795739328303509513,0,0,0,'[]',0,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES('otel_agent.message.ingested','{"otel_agent.store.generation": "v1"}',1795739268303509513,1795739328303509513,0,15,0,'[]',15,0,'[]',1795739328370075914,NULL,NULL,NULL,NULL);
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
INSERT INTO "session" VALUES('ses_dfd104887ffetgb3kn4p2emDcD','','/home/dev/projects/persona','/home/dev/projects/persona','Hello from the fake model. (fork #1)','1.18.33',1795345594232,0,1,0);
INSERT INTO "session" VALUES('ses_dfd10c09cffegsUmmiZ2iACTdy','','/home/dev/projects/agent-monitor','/home/dev/projects/agent-monitor','New session - 2026-11-22T11:06:03.492Z','1.18.33',1795345563492,0,1,0);
INSERT INTO "session" VALUES('ses_dfd10d1e5ffeGJnIJWkOhKUhnW','','/','/home/dev/scratch','Hello from the fake model.','1.18.33',1795345559067,0,1,0);
INSERT INTO "session" VALUES('ses_dfd10e31dffe63fo19ozp7fH4v','ses_dfd10e7d3ffeQxfjnyz74AN849','/home/dev/projects/agent-monitor','/home/dev/projects/agent-monitor','Sub work (@general subagent)','1.18.33',1795345554658,0,1,0);
INSERT INTO "session" VALUES('ses_dfd10e7d3ffeQxfjnyz74AN849','','/home/dev/projects/agent-monitor','/home/dev/projects/agent-monitor','Hello from the fake model.','1.18.33',1795345553453,0,1,0);
INSERT INTO "session" VALUES('ses_dfd10fcd4ffeWARXwvfLyWyV2r','','/home/dev/projects/agent-monitor','/home/dev/projects/agent-monitor','Hello from the fake model.','1.18.33',1795345548075,0,1,0);
INSERT INTO "session" VALUES('ses_dfd1116cbffemnCnGE9TZgFiKb','','/home/dev/projects/persona','/home/dev/projects/persona','Hello from the fake model.','1.18.33',1795345541428,0,1,0);
INSERT INTO "session" VALUES('ses_dfd113223ffepOjWPyPpHnLEy0','','/home/dev/projects/persona','/home/dev/projects/persona','Hello from the fake model.','1.18.33',1795345534428,0,1,0);
CREATE TABLE session_use (
    -- the sums of a session's counted messages
    session_id TEXT PRIMARY KEY,
    worktree TEXT NOT NULL,                  -- of any of its messages that has one
    directory TEXT NOT NULL,
    contexts TEXT NOT NULL,                  -- JSON array: the contexts of its messages
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    messages INTEGER NOT NULL DEFAULT 0,
    input INTEGER NOT NULL DEFAULT 0,
    output INTEGER NOT NULL DEFAULT 0,
    reasoning INTEGER NOT NULL DEFAULT 0,
    cache_read INTEGER NOT NULL DEFAULT 0,
    cache_write INTEGER NOT NULL DEFAULT 0,
    cached_in_input INTEGER NOT NULL DEFAULT 0,
    reasoning_in_output INTEGER NOT NULL DEFAULT 0,
    cost_nusd INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO "session_use" VALUES('ses_dfd104887ffetgb3kn4p2emDcD','/home/dev/projects/persona','/home/dev/projects/persona','[1]',1795345596502,1795345596502,1,4233,194,97,0,0,0,0,17064000);
INSERT INTO "session_use" VALUES('ses_dfd10c09cffegsUmmiZ2iACTdy','/home/dev/projects/agent-monitor','/home/dev/projects/agent-monitor','[7, 9]',1795345564769,1795345583002,5,26175,1377,255,14938,0,0,0,0);
INSERT INTO "session_use" VALUES('ses_dfd10d1e5ffeGJnIJWkOhKUhnW','/','/home/dev/scratch','[6]',1795345560279,1795345560279,1,3196,330,0,0,0,0,0,0);
INSERT INTO "session_use" VALUES('ses_dfd10e31dffe63fo19ozp7fH4v','/home/dev/projects/agent-monitor','/home/dev/projects/agent-monitor','[5]',1795345555236,1795345555236,1,19134,478,0,0,0,0,0,64572000);
INSERT INTO "session_use" VALUES('ses_dfd10e7d3ffeQxfjnyz74AN849','/home/dev/projects/agent-monitor','/home/dev/projects/agent-monitor','[4]',1795345555409,1795345555872,2,31890,651,325,0,0,0,0,110310000);
INSERT INTO "session_use" VALUES('ses_dfd10fcd4ffeWARXwvfLyWyV2r','/home/dev/projects/agent-monitor','/home/dev/projects/agent-monitor','[3]',1795345549937,1795345549937,1,1438,353,0,1438,0,0,0,5507250);
INSERT INTO "session_use" VALUES('ses_dfd1116cbffemnCnGE9TZgFiKb','/home/dev/projects/persona','/home/dev/projects/persona','[2, 8]',1795345543639,1795345569801,3,21608,617,0,12665,0,0,0,0);
INSERT INTO "session_use" VALUES('ses_dfd113223ffepOjWPyPpHnLEy0','/home/dev/projects/persona','/home/dev/projects/persona','[1]',1795345537232,1795345537232,1,928,196,0,0,0,0,0,5724000);
CREATE TABLE slot_use (
    -- the sums of a session's counted messages that ended in one quarter of an hour
    slot INTEGER NOT NULL,                   -- ledger.answers.SLOT_MS each, from the Unix epoch
    session_id TEXT NOT NULL,
    unattributed INTEGER NOT NULL,           -- 1: usage that only the totals of a session know
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    messages INTEGER NOT NULL DEFAULT 0,
    input INTEGER NOT NULL DEFAULT 0,
    output INTEGER NOT NULL DEFAULT 0,
    reasoning INTEGER NOT NULL DEFAULT 0,
    cache_read INTEGER NOT NULL DEFAULT 0,
    cache_write INTEGER NOT NULL DEFAULT 0,
    cached_in_input INTEGER NOT NULL DEFAULT 0,
    reasoning_in_output INTEGER NOT NULL DEFAULT 0,
    cost_nusd INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (slot, session_id, unattributed)
) WITHOUT ROWID;
INSERT INTO "slot_use" VALUES(1994828,'ses_dfd104887ffetgb3kn4p2emDcD',0,1795345596502,1795345596502,1,4233,194,97,0,0,0,0,17064000);
INSERT INTO "slot_use" VALUES(1994828,'ses_dfd10c09cffegsUmmiZ2iACTdy',0,1795345564769,1795345583002,5,26175,1377,255,14938,0,0,0,0);
INSERT INTO "slot_use" VALUES(1994828,'ses_dfd10d1e5ffeGJnIJWkOhKUhnW',0,1795345560279,1795345560279,1,3196,330,0,0,0,0,0,0);
INSERT INTO "slot_use" VALUES(1994828,'ses_dfd10e31dffe63fo19ozp7fH4v',0,1795345555236,1795345555236,1,19134,478,0,0,0,0,0,64572000);
INSERT INTO "slot_use" VALUES(1994828,'ses_dfd10e7d3ffeQxfjnyz74AN849',0,1795345555409,1795345555872,2,31890,651,325,0,0,0,0,110310000);
INSERT INTO "slot_use" VALUES(1994828,'ses_dfd10fcd4ffeWARXwvfLyWyV2r',0,1795345549937,1795345549937,1,1438,353,0,1438,0,0,0,5507250);
INSERT INTO "slot_use" VALUES(1994828,'ses_dfd1116cbffemnCnGE9TZgFiKb',0,1795345543639,1795345569801,3,21608,617,0,12665,0,0,0,0);
INSERT INTO "slot_use" VALUES(1994828,'ses_dfd113223ffepOjWPyPpHnLEy0',0,1795345537232,1795345537232,1,928,196,0,0,0,0,0,5724000);
CREATE TABLE store (
    -- how many messages were counted from each store
    name TEXT NOT NULL,
    generation TEXT NOT NULL,
    messages INTEGER NOT NULL,
    PRIMARY KEY (name, generation)
) WITHOUT ROWID;
INSERT INTO "store" VALUES('/home/dev/.local/share/opencode/opencode.db','v1',15);
CREATE TABLE tool (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
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
INSERT INTO "turn" VALUES(1,'msg_202eecea9001wyqwovWizMZJRg','msg_202eecea9001wyqwovWizMZJRg','',1795345534633,1,1,2);
INSERT INTO "turn" VALUES(2,'msg_202eeea16001oRRNUl4Wu6pcv1','msg_202eeea16001oRRNUl4Wu6pcv1','',1795345541654,3,1,2);
INSERT INTO "turn" VALUES(3,'msg_202ef03c4001LZRezJYrPs8Atb','msg_202ef03c4001LZRezJYrPs8Atb','',1795345548228,4,1,2);
INSERT INTO "turn" VALUES(4,'msg_202ef18da001XxoJMjpDu30FSR','msg_202ef18da001XxoJMjpDu30FSR','',1795345553626,7,1,2);
INSERT INTO "turn" VALUES(5,'msg_202ef1cff0018KwjL0Cj1fE1vF','msg_202ef1cff0018KwjL0Cj1fE1vF','',1795345554687,6,1,2);
INSERT INTO "turn" VALUES(6,'msg_202ef2ed7001U7W5n0ZWG8kFBr','msg_202ef2ed7001U7W5n0ZWG8kFBr','',1795345559255,8,1,2);
INSERT INTO "turn" VALUES(7,'msg_202ef3ff2001DC4evIl46d4RDs','msg_202ef3ff2001DC4evIl46d4RDs','',1795345563634,9,1,2);
INSERT INTO "turn" VALUES(8,'msg_202ef522c001xnq3bsAeUlYhkp','msg_202ef522c001xnq3bsAeUlYhkp','',1795345568300,10,1,2);
INSERT INTO "turn" VALUES(9,'msg_202ef67fe001itMZhuIk3Eirzx','msg_202ef67fe001itMZhuIk3Eirzx','',1795345573886,12,1,2);
INSERT INTO "turn" VALUES(10,'msg_202ef8279001O5jNOmsJ7RHIgg','msg_202ef8279001O5jNOmsJ7RHIgg','',1795345580665,14,1,2);
INSERT INTO "turn" VALUES(11,'msg_202efb9d4001XvLeWbdPf5yHr6','msg_202efb9d4001XvLeWbdPf5yHr6','',1795345594836,16,1,2);
CREATE INDEX turn_open ON turn (state) WHERE state = 0;
CREATE INDEX turn_owed ON turn (number) WHERE state = 1;
CREATE INDEX turn_refused ON turn (number) WHERE state = 3;
CREATE INDEX tool_call_message ON tool_call (message);
CREATE VIEW whole_message AS SELECT m.*, c.provider, c.model, c.agent, c.worktree, c.directory
FROM message AS m JOIN context AS c ON c.number = m.context;
CREATE INDEX message_unsettled ON message (state) WHERE state < 2;
CREATE INDEX owed_refused ON owed (message) WHERE refused;
CREATE INDEX turn_called ON turn (state) WHERE caller <> '';
CREATE INDEX recent_call_session ON recent_call (session_id, number);
CREATE INDEX counted_lines_due ON counted_lines (session_id) WHERE due;
CREATE INDEX message_began ON message (began_ms);
CREATE INDEX message_session ON message (session_id, created_ms);
CREATE INDEX message_ended ON message (coalesce(completed_ms, created_ms)) WHERE state = 2;
PRAGMA application_id = 132228839;
PRAGMA user_version = 10;
