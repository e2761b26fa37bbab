-- The columns of a fresh 2.x database that say what was used. Written from the description of its public source.
CREATE TABLE project (
  id text PRIMARY KEY,
  worktree text NOT NULL,
  vcs text,
  time_created integer NOT NULL,
  time_updated integer NOT NULL,
  sandboxes text NOT NULL
);
CREATE TABLE session_v2 (
  id text PRIMARY KEY,
  project_id text NOT NULL,
  parent_id text,
  fork_session_id text,
  slug text NOT NULL,
  directory text NOT NULL,
  title text,
  version text NOT NULL,
  time_created integer NOT NULL,
  time_updated integer NOT NULL
);
CREATE TABLE session_message (
  id text PRIMARY KEY,
  session_id text NOT NULL,
  type text NOT NULL,
  seq integer NOT NULL,
  time_created integer NOT NULL,
  time_updated integer NOT NULL,
  data text NOT NULL
);
