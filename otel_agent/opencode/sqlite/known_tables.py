"""The tables of OpenCode that a database has, and the queries that fit the columns of its release.

A new generation of tables is one more line in ``_GENERATIONS``.
"""

import sqlite3
from typing import Final

from msgspec import Struct

from otel_agent.model import Generation, Problem, ProblemKind
from otel_agent.opencode.decode import MAX_BYTES
from otel_agent.opencode.sqlite import unknown_tables
from otel_agent.opencode.sqlite.row_json import BYTES, JSON, JSON_WITHOUT_CONTENT
from otel_agent.opencode.sqlite.row_size import without_large_ids
from otel_agent.opencode.sqlite.session_rounds import NEWEST
from otel_agent.opencode.sqlite.unknown_tables import columns as _columns


class Tables(Struct, frozen=True):
    """The queries for one generation. Each selects rowid, id, session id, created, updated, size, data, kind and place.

    Data is missing if it is too large to be read, or no JSON. Of a large row of 2.x it is what ``whole`` understands."""

    generation: Generation
    messages: str
    sessions: str
    """The name of the first table, and what to ask for the second one."""
    has_turns: bool
    """True if the rows of a session are in order, and say of what type they are: they tell the turns."""
    session_columns: frozenset[str]
    """The columns of the table of sessions."""
    notes_idle: bool
    """True if the table of sessions notes when a session was idle: such a release also writes a row then."""
    names_role: bool
    """True if every row says whether it is an assistant's."""
    needs_session: bool
    """True if only rows count whose session the table of sessions has."""
    after_rowid: str
    """Parameters: rowid above which, rowid up to which, limit."""
    by_id: str
    """Parameters: JSON array of ids, limit."""
    updated_since: str
    """Parameters: milliseconds, rowid above which, rowid up to which, limit."""
    without_data: str
    """Selects the same of a row but its data, and zero for its size. Parameter: rowid."""
    of_rowid: str
    """The query behind the columns of one row. Parameter: rowid."""
    last_rowid: str
    """Selects the highest rowid, ``NULL`` without any row."""
    session: tuple[str, ...]
    """The columns of a session ``s``: parent, directory, title, version, created, worktree, fork. Empty without a table."""
    of_session: str
    """The query behind these columns. Parameter: session id."""
    project: str | None
    """Parameter: project id, or its first six letters. Selects the worktrees of the projects that it can be."""
    parts: str | None
    """Parameters: message id, limit. Selects id and data, no data if it is too large."""
    recent: str | None
    """Parameters: session id, milliseconds up to which, limit. Selects the ids of the last messages, newest first."""
    releases: str | None
    """Selects each release that began sessions, and the milliseconds at which it began the first one."""
    totals: tuple[str, ...]
    """The columns of the totals of a session ``s``: id, what ``session`` has, updated, cost and the five tokens. Empty
    in 1.x, whose columns of the same names leave out what came before 1.15."""
    of_totals: str
    """The query behind these columns, to which a condition can be added."""
    newest: str
    """A condition on a session ``s``: it is one of the newest. True for all if their table does not number its rows."""
    rows_of: str | None
    """Selects the rowids and ids of the rows of some sessions that can say what was used, if there are totals. Parameter:
    JSON array of session ids. A condition can be added."""
    count: str
    """Selects the number of rows."""
    present: frozenset[str]
    """The names of all tables; nothing else may be asked."""


class _Known(Struct, frozen=True):
    """The names of one generation's tables, and how its rows are to be understood."""

    generation: Generation
    messages: str
    sessions: str
    has_type: bool
    """True if a column says which rows are an assistant's; else the JSON does."""
    preview: bool = False
    """True for the tables of the previews of 2.x, which have no name of their own."""


_GENERATIONS: Final = (
    _Known(Generation.V1, "message", "session", has_type=False),
    # From 1.14 to 1.18 there is a ``session_message`` too. It can hold a call that ``message`` holds, under another id,
    # so only rows count whose session is in ``session_v2``.
    _Known(Generation.V2, "session_message", "session_v2", has_type=True),
    # The previews of 2.x called the same table ``session``. 2.0 takes such a database over only if there is a history
    # of 1.x, so it may hold what nothing else does. On a database of 1.x they went on beside ``message``.
    _Known(Generation.V2, "session_message", "session", has_type=True, preview=True),
)
_OURS: Final = frozenset({"message", "session", "session_message", "session_v2", "part", "project"})
"""The tables of OpenCode that are read."""
ASSISTANT: Final = "assistant"
COMPACTION: Final = "compaction"
"""The types of ``session_message`` that say what they used …"""
IDLE: Final = "idle"
"""… and the one that ends a turn."""

_TOTALS: Final = (
    *("cost", "tokens_input", "tokens_output", "tokens_reasoning"),
    *("tokens_cache_read", "tokens_cache_write"),
)
_NEEDED_TOTALS: Final = {"id", "tokens_input", "tokens_output"}  # any other number that is missing counts as zero
_OF_SESSIONS: Final = "m.session_id IN (SELECT value FROM json_each(?))"
_NEEDED: Final = {"id", "session_id", "data"}
_WORKTREES_OF: Final = (
    "SELECT DISTINCT worktree FROM project WHERE id = ?1 "
    "OR (substr(id, 1, 6) = ?1 AND NOT EXISTS (SELECT 1 FROM project WHERE id = ?1)) LIMIT 2"
)


def probe(database: sqlite3.Connection, place: str, *, thorough: bool = False) -> tuple[list[Tables], list[Problem]]:
    """Return the generations that have messages here, and a problem for each table that has changed beyond what we know.

    A database without any of the tables and without content is a new one: nothing to say. ``thorough`` looks
    for unknown types of rows too, which costs a walk over an index. Raises ``sqlite3.Error``.
    """
    names, views = _names(database)
    found: list[Tables] = []
    problems = [unknown_tables.view(place, name) for name in sorted(views & _OURS)]
    for known in _GENERATIONS:
        if known.messages not in names or (known.has_type and known.sessions not in names):
            continue
        if known.preview and not _is_preview(database, names):
            continue
        why = _why_unknown(database, known)
        if why:
            problems.append(unknown_tables.unknown(database, names, place, known.messages, why))
        else:
            has_ids = known.sessions in names and "id" in _columns(database, known.sessions)
            sessions, large = without_large_ids(database, known.sessions) if has_ids else (known.sessions, [])
            problems += [Problem(ProblemKind.TOO_LARGE, f"{place}#{known.sessions}", f"row {row}") for row in large]
            found.append(_tables(database, names, known, sessions))
            if thorough and known.has_type:
                problems += unknown_tables.unknown_types(database, names, place, known.messages)
    # What we cannot read is said, so that nobody takes its missing numbers for the truth.
    problems += unknown_tables.later(database, names, place)
    if not found and not problems:
        problems = unknown_tables.strangers(database, names, place)
    return found, problems


def _names(database: sqlite3.Connection) -> tuple[set[str], set[str]]:
    """Return the names of the tables, and those of views and virtual tables.

    The latter run what somebody wrote, and it need not end. OpenCode has none; the root page of each is 0.
    """
    query = "SELECT name, rootpage FROM sqlite_master WHERE type IN ('table', 'view')"
    rows = [(unknown_tables.name_of(name), root) for name, root in database.execute(query)]
    return {name for name, root in rows if root}, {name for name, root in rows if not root}


def _is_preview(database: sqlite3.Connection, names: set[str]) -> bool:
    """Return True for a database that a preview of 2.x wrote. 1.14 to 1.18 have ``session_message`` too, but their
    ``session`` has no forks, and their calls are in ``message``."""
    return "session_v2" not in names and "fork_session_id" in _columns(database, "session")


def _why_unknown(database: sqlite3.Connection, known: _Known) -> str:
    """Return why a table of messages cannot be read; empty if it can."""
    missing = sorted(_NEEDED - _columns(database, known.messages))
    if missing:
        return f"no column {', '.join(missing)}"
    if known.has_type and "id" not in _columns(database, known.sessions):
        return f"no column id in {known.sessions}"
    return "" if unknown_tables.has_rowid(database, known.messages) else "no rowid"


def _tables(database: sqlite3.Connection, names: set[str], known: _Known, sessions: str) -> Tables:
    columns = _columns(database, known.messages)
    has_type = known.has_type and "type" in columns
    session_columns = _columns(database, known.sessions) if known.sessions in names else set()
    has_turns = has_type and {"seq", "time_created"} <= columns
    created = "m.time_created" if "time_created" in columns else "NULL"
    updated = "m.time_updated" if "time_updated" in columns else "NULL"
    row = (
        f"SELECT m.rowid, m.id, m.session_id, {created}, {updated}, %s, {'m.type' if has_type else 'NULL'}, "
        f"{'m.seq' if has_turns else 'NULL'} FROM {known.messages} AS m"
    )
    select = row % f"{BYTES}, {JSON_WITHOUT_CONTENT if known.has_type else JSON}"
    # Rows of 2.x that used nothing are megabytes: the query leaves them out before their JSON is read.
    totals, of_totals = _totals_query(database, names, known, sessions)
    facts = _session_facts(database, names, session_columns) if "id" in session_columns else ()
    ours = f"m.type IN ('{ASSISTANT}', '{COMPACTION}')" if has_type else "1"
    read = f"({ours} OR m.type = '{IDLE}')" if has_type else "1"
    numbered = known.sessions in names and unknown_tables.has_rowid(database, known.sessions)
    return Tables(
        generation=known.generation,
        messages=known.messages,
        sessions=sessions,
        has_turns=has_turns,
        session_columns=frozenset(session_columns),
        notes_idle=bool({"time_idle", "idle_outcome"} & session_columns),
        names_role=not known.has_type,
        needs_session=known.has_type,
        after_rowid=f"{select} WHERE m.rowid > ? AND m.rowid <= ? AND {read} ORDER BY m.rowid LIMIT ?",
        by_id=f"{select} WHERE m.id IN (SELECT value FROM json_each(?)) AND {read} LIMIT ?",
        updated_since=(
            f"{select} WHERE coalesce({updated}, 0) >= ? AND m.rowid > ? AND m.rowid <= ? AND {read} "
            "ORDER BY m.rowid LIMIT ?"
        ),
        without_data=row % "0, NULL" + " WHERE m.rowid = ?",
        of_rowid=f"FROM {known.messages} WHERE rowid = ?",
        last_rowid=f"SELECT max(rowid) FROM {known.messages}",
        session=facts,
        of_session=f"FROM {sessions} AS s WHERE s.id = ?",
        project=_WORKTREES_OF if _has_worktrees(database, names) else None,
        parts=_parts_query(database, names),
        recent=_recent_query(known, created),
        releases=_releases_query(database, names, known.sessions),
        totals=totals,
        of_totals=of_totals,
        newest=f"s.rowid > (SELECT max(rowid) FROM {sessions}) - {NEWEST}" if numbered else "1",
        rows_of=f"SELECT m.rowid, m.id FROM {known.messages} AS m WHERE {_OF_SESSIONS} AND {ours}" if totals else None,
        count=f"SELECT count(*) FROM {known.messages}",
        present=frozenset(names),
    )


def _recent_query(known: _Known, created: str) -> str | None:
    """Return ``None`` if the table does not say when its rows were created."""
    if created == "NULL":
        return None
    return (
        f"SELECT m.id FROM {known.messages} AS m WHERE m.session_id = ? AND {created} <= ? "
        f"ORDER BY {created} DESC LIMIT ?"
    )


def _parts_query(database: sqlite3.Connection, names: set[str]) -> str | None:
    if "part" not in names or not {"message_id", "id", "data"} <= _columns(database, "part"):
        return None
    return (
        f"SELECT id, CASE WHEN length(data) <= {MAX_BYTES} THEN data END FROM part WHERE message_id = ? "
        "ORDER BY id LIMIT ?"
    )


def _releases_query(database: sqlite3.Connection, names: set[str], table: str) -> str | None:
    if table not in names or not {"version", "time_created"} <= _columns(database, table):
        return None
    return f"SELECT version, min(time_created) FROM {table} GROUP BY version"


def _totals_query(
    database: sqlite3.Connection, names: set[str], known: _Known, sessions: str
) -> tuple[tuple[str, ...], str]:
    columns = _columns(database, known.sessions) if known.sessions in names else set()
    if not known.has_type or not columns >= _NEEDED_TOTALS:
        return (), ""
    updated = "s.time_updated" if "time_updated" in columns else "NULL"
    totals = (f"s.{name}" if name in columns else "0" for name in _TOTALS)
    # A preview on a database of 1.x has the sessions of both in one table.
    whose = "s.version NOT GLOB '1.*'" if known.preview and "version" in columns else "1"
    selected = ("s.id", *_session_facts(database, names, columns), updated, *totals)
    return selected, f"FROM {sessions} AS s WHERE {whose}"


def _session_facts(database: sqlite3.Connection, names: set[str], columns: set[str]) -> tuple[str, ...]:
    """Return what to select of a session, ``NULL`` for what its table does not have."""

    def column(name: str) -> str:
        return f"s.{name}" if name in columns else "NULL"

    project = "project_id" in columns and _has_worktrees(database, names)
    worktree = "(SELECT p.worktree FROM project AS p WHERE p.id = s.project_id)" if project else "NULL"
    wanted = ("parent_id", "directory", "title", "version", "time_created")
    return (*map(column, wanted), worktree, column("fork_session_id"))


def _has_worktrees(database: sqlite3.Connection, names: set[str]) -> bool:
    return "project" in names and {"id", "worktree"} <= _columns(database, "project")
