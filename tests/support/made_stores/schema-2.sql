-- The tables of a fresh 2.x database with all their columns, as of 2.0.15 to 2.0.26. Written from the description of its public source.
CREATE TABLE project (
  id text PRIMARY KEY,
  worktree text NOT NULL,
  vcs text,
  name text,
  icon_url text,
  icon_url_override text,
  icon_color text,
  time_created integer NOT NULL,
  time_updated integer NOT NULL,
  time_initialized integer,
  time_active integer DEFAULT 0 NOT NULL,
  sandboxes text NOT NULL,
  commands text
);
CREATE TABLE session_v2 (
  id text PRIMARY KEY,
  project_id text NOT NULL,
  workspace_id text,
  parent_id text,
  fork_session_id text,
  fork_boundary text,
  slug text NOT NULL,
  directory text NOT NULL,
  path text,
  title text,
  version text NOT NULL,
  share_url text,
  summary_additions integer,
  summary_deletions integer,
  summary_files integer,
  summary_diffs text,
  metadata text,
  cost real DEFAULT 0 NOT NULL,
  tokens_input integer DEFAULT 0 NOT NULL,
  tokens_output integer DEFAULT 0 NOT NULL,
  tokens_reasoning integer DEFAULT 0 NOT NULL,
  tokens_cache_read integer DEFAULT 0 NOT NULL,
  tokens_cache_write integer DEFAULT 0 NOT NULL,
  revert text,
  permission text,
  agent text,
  model text,
  time_created integer NOT NULL,
  time_updated integer NOT NULL,
  time_idle integer,
  time_viewed integer,
  idle_outcome text,
  time_compacting integer,
  time_archived integer,
  time_suspended integer,
  resume_attempts integer DEFAULT 0 NOT NULL,
  CONSTRAINT fk_session_v2_project FOREIGN KEY (project_id) REFERENCES project(id) ON DELETE CASCADE
);
CREATE TABLE session_message (
  id text PRIMARY KEY,
  session_id text NOT NULL,
  type text NOT NULL,
  seq integer NOT NULL,
  time_created integer NOT NULL,
  time_updated integer NOT NULL,
  data text NOT NULL,
  CONSTRAINT fk_sm_session FOREIGN KEY (session_id) REFERENCES session_v2(id) ON DELETE CASCADE
);
CREATE TABLE account (
  id text PRIMARY KEY,
  email text NOT NULL,
  url text NOT NULL,
  access_token text NOT NULL,
  refresh_token text NOT NULL,
  token_expiry integer,
  time_created integer NOT NULL,
  time_updated integer NOT NULL
);
CREATE TABLE account_state (
  id integer PRIMARY KEY,
  active_account_id text,
  active_org_id text
);
CREATE TABLE control_account (
  email text NOT NULL,
  url text NOT NULL,
  access_token text NOT NULL,
  refresh_token text NOT NULL,
  token_expiry integer,
  active integer NOT NULL,
  time_created integer NOT NULL,
  time_updated integer NOT NULL,
  CONSTRAINT control_account_pk PRIMARY KEY(email, url)
);
CREATE TABLE credential (
  id text PRIMARY KEY,
  integration_id text,
  label text NOT NULL,
  value text NOT NULL,
  connector_id text,
  method_id text,
  active integer,
  time_created integer NOT NULL,
  time_updated integer NOT NULL
);
CREATE TABLE event_sequence (
  aggregate_id text PRIMARY KEY,
  seq integer NOT NULL,
  owner_id text
);
CREATE TABLE event (
  id text PRIMARY KEY,
  aggregate_id text NOT NULL,
  seq integer NOT NULL,
  created integer DEFAULT 0 NOT NULL,
  type text NOT NULL,
  data text NOT NULL
);
CREATE TABLE permission (
  id text PRIMARY KEY,
  project_id text NOT NULL,
  action text NOT NULL,
  resource text NOT NULL,
  time_created integer NOT NULL,
  time_updated integer NOT NULL
);
CREATE TABLE project_directory (
  project_id text NOT NULL,
  directory text NOT NULL,
  type text,
  strategy text,
  time_created integer NOT NULL,
  CONSTRAINT project_directory_pk PRIMARY KEY(project_id, directory)
);
CREATE TABLE workspace (
  id text PRIMARY KEY,
  provider text NOT NULL,
  binding text,
  created_at integer NOT NULL,
  last_used_at integer NOT NULL
);
CREATE TABLE migration (
  id TEXT PRIMARY KEY,
  time_completed INTEGER NOT NULL
);
CREATE TABLE kv (
  key text PRIMARY KEY,
  value text NOT NULL,
  time_created integer NOT NULL,
  time_updated integer NOT NULL
);
CREATE TABLE instruction_blob (
  hash text PRIMARY KEY,
  value text
);
CREATE TABLE instruction_entry (
  session_id text NOT NULL,
  key text NOT NULL,
  value text,
  removed integer DEFAULT false NOT NULL,
  time_created integer NOT NULL,
  time_updated integer NOT NULL,
  CONSTRAINT instruction_entry_pk PRIMARY KEY(session_id, key),
  CONSTRAINT fk_ie_session FOREIGN KEY (session_id) REFERENCES session_v2(id) ON DELETE CASCADE
);
CREATE TABLE instruction_state (
  session_id text PRIMARY KEY,
  epoch_start integer NOT NULL,
  through_seq integer NOT NULL,
  initial_values text NOT NULL,
  current_values text NOT NULL,
  CONSTRAINT fk_is_session FOREIGN KEY (session_id) REFERENCES session_v2(id) ON DELETE CASCADE
);
CREATE TABLE session_inbox (
  id text PRIMARY KEY,
  session_id text NOT NULL,
  type text NOT NULL,
  payload text NOT NULL,
  delivery text NOT NULL,
  enqueued_seq integer NOT NULL,
  time_created integer NOT NULL,
  CONSTRAINT fk_inbox_session FOREIGN KEY (session_id) REFERENCES session_v2(id) ON DELETE CASCADE
);
CREATE TABLE session_pending (
  id text PRIMARY KEY,
  session_id text NOT NULL,
  type text NOT NULL,
  data text NOT NULL,
  delivery text,
  admitted_seq integer NOT NULL,
  time_created integer NOT NULL,
  CONSTRAINT fk_pend_session FOREIGN KEY (session_id) REFERENCES session_v2(id) ON DELETE CASCADE
);
CREATE TABLE worktree (
  project_id text NOT NULL,
  directory text NOT NULL,
  strategy text,
  time_created integer NOT NULL,
  CONSTRAINT worktree_pk PRIMARY KEY(project_id, directory),
  CONSTRAINT fk_wt_project FOREIGN KEY (project_id) REFERENCES project(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX event_aggregate_seq_idx ON event (aggregate_id, seq);
CREATE UNIQUE INDEX session_message_session_seq_idx ON session_message (session_id, seq);
CREATE INDEX session_message_session_type_seq_idx ON session_message (session_id, type, seq);
CREATE INDEX session_message_session_time_created_id_idx ON session_message (session_id, time_created, id);
CREATE INDEX session_message_time_created_idx ON session_message (time_created);
CREATE INDEX session_v2_project_idx ON session_v2 (project_id);
CREATE INDEX session_v2_workspace_idx ON session_v2 (workspace_id);
CREATE INDEX session_v2_parent_idx ON session_v2 (parent_id);
CREATE INDEX session_v2_time_suspended_idx ON session_v2 (time_suspended) WHERE time_suspended IS NOT NULL;
