"""Which of OpenCode's tables a database has, and the queries that fit the columns of its release."""

import re
import sqlite3
from typing import Final

from msgspec import Struct

from otel_agent.model import Generation, Problem, ProblemKind
from otel_agent.opencode.decode import MAX_BYTES


class Tables(Struct, frozen=True):
    """The queries for one generation. Each selects rowid, id, session id, created, updated, size and data."""

    generation: Generation
    after_rowid: str
    """Parameters: rowid, limit."""
    by_id: str
    """Parameters: JSON array of ids, limit."""
    updated_since: str
    """Parameters: milliseconds, rowid above which, rowid up to which, limit."""
    id_at: str
    """Parameter: rowid. Selects the id only."""
    session: str | None
    """Parameter: session id. Selects parent, directory, title, version, created, worktree, fork."""
    parts: str | None
    """Parameters: message id, limit. Selects id and data, no data where it is too large."""
    recent: str | None
    """Parameters: session id, milliseconds up to which, limit. Selects id and data of the last messages, newest first."""
    count: str


_NEEDED: Final = {"id", "session_id", "data"}
_SESSIONS: Final = re.compile(r"session(_v[0-9]+)?")
_LATER: Final = re.compile(r"session_v([3-9]|[1-9][0-9]+)")
"""After ``session`` and ``session_v2``."""
_NO_ROWID: Final = "SELECT 1 FROM pragma_table_list(?) WHERE wr"


def probe(database: sqlite3.Connection, place: str) -> tuple[list[Tables], list[Problem]]:
    """The generations that have messages here, and a problem for a table that has changed beyond what we know.

    ``session_message`` is read only for the sessions in ``session_v2``: in 1.14 to 1.18 it exists too, and can hold a
    call that ``message`` holds, under another id. A database without any of the tables is a new one: nothing to say.
    """
    names = {
        _name(row[0]) for row in database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    }
    found: list[Tables] = []
    problems: list[Problem] = []
    for generation, table, sessions in (
        (Generation.V1, "message", "session"),
        (Generation.V2, "session_message", "session_v2"),
    ):
        if table not in names or (generation is Generation.V2 and sessions not in names):
            continue
        columns = _columns(database, table)
        if not columns >= _NEEDED:
            missing = ", ".join(sorted(_NEEDED - columns))
            problems.append(_unknown(database, names, place, table, f"no column {missing}"))
            continue
        if database.execute(_NO_ROWID, (table,)).fetchone():
            problems.append(_unknown(database, names, place, table, "no rowid"))
            continue
        found.append(_tables(database, names, columns, generation, table, sessions))
    later = sorted(name for name in names if _LATER.fullmatch(name))
    return found, problems + [_unknown(database, names, place, name, "a later generation") for name in later]


def _unknown(database: sqlite3.Connection, names: set[str], place: str, table: str, why: str) -> Problem:
    return Problem(ProblemKind.UNKNOWN_SCHEMA, f"{place}#{table}", f"{why}{_written_by(database, names)}")


def _written_by(database: sqlite3.Connection, names: set[str]) -> str:
    """Which OpenCode made the latest session, where that can be told."""
    for name in sorted((name for name in names if _SESSIONS.fullmatch(name)), reverse=True):
        if "version" in _columns(database, name):
            order = "" if database.execute(_NO_ROWID, (name,)).fetchone() else "ORDER BY rowid DESC"
            row = database.execute(f"SELECT version FROM {name} {order} LIMIT 1").fetchone()
            version = re.match(r"[\w.+-]{1,32}", _name(row[0] or "")) if row else None
            return f"; written by OpenCode {version[0]}" if version else ""
    return ""


def _tables(
    database: sqlite3.Connection, names: set[str], columns: set[str], generation: Generation, table: str, sessions: str
) -> Tables:
    created = "m.time_created" if "time_created" in columns else "NULL"
    updated = "m.time_updated" if "time_updated" in columns else "NULL"
    select = (
        f"SELECT m.rowid, m.id, m.session_id, {created}, {updated}, length(m.data), "
        f"CASE WHEN length(m.data) <= {MAX_BYTES} THEN m.data END FROM {table} AS m"
    )
    ours = "m.type = 'assistant'" if generation is Generation.V2 and "type" in columns else "1"
    parts = "part" in names and {"message_id", "id", "data"} <= _columns(database, "part")
    return Tables(
        generation=generation,
        after_rowid=f"{select} WHERE m.rowid > ? AND {ours} ORDER BY m.rowid LIMIT ?",
        by_id=f"{select} WHERE m.id IN (SELECT value FROM json_each(?)) AND {ours} LIMIT ?",
        updated_since=(
            f"{select} WHERE coalesce({updated}, 0) >= ? AND m.rowid > ? AND m.rowid <= ? AND {ours} "
            "ORDER BY m.rowid LIMIT ?"
        ),
        id_at=f"SELECT id FROM {table} WHERE rowid = ?",
        session=_session_query(database, names, sessions),
        parts=(
            f"SELECT id, CASE WHEN length(data) <= {MAX_BYTES} THEN data END FROM part WHERE message_id = ? "
            "ORDER BY id LIMIT ?"
            if parts
            else None
        ),
        recent=(
            f"SELECT m.id, CASE WHEN length(m.data) <= {MAX_BYTES} THEN m.data END FROM {table} AS m "
            f"WHERE m.session_id = ? AND {created} <= ? ORDER BY {created} DESC LIMIT ?"
            if created != "NULL"
            else None
        ),
        count=f"SELECT count(*) FROM {table}",
    )


def _session_query(database: sqlite3.Connection, names: set[str], table: str) -> str | None:
    columns = _columns(database, table) if table in names else set()
    if "id" not in columns:
        return None

    def column(name: str) -> str:
        return f"s.{name}" if name in columns else "NULL"

    project = "project" in names and "project_id" in columns and "worktree" in _columns(database, "project")
    worktree = "(SELECT p.worktree FROM project AS p WHERE p.id = s.project_id)" if project else "NULL"
    wanted = [column(name) for name in ("parent_id", "directory", "title", "version", "time_created")]
    return f"SELECT {', '.join(wanted)}, {worktree}, {column('fork_session_id')} FROM {table} AS s WHERE s.id = ?"


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {_name(row[0]) for row in database.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _name(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
