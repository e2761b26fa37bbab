"""Reports what we cannot read in a database: which tables, how many rows, and which OpenCode wrote them.

Missing numbers in silence look like the truth. So a database with content that we do not know is always a problem,
and an empty one never is.
"""

import re
import sqlite3
from collections.abc import Collection
from typing import Final

from otel_agent.model import Problem, ProblemKind
from otel_agent.model.plural import counted
from otel_agent.opencode import decode, unknown_fields
from otel_agent.opencode.sqlite.failures import is_of_the_query
from otel_agent.opencode.sqlite.row_size import first_of

_LATER: Final = re.compile(r"session_v([3-9]|[1-9][0-9]+)|(session_)?message_v([2-9]|[1-9][0-9]+)")
"""Tables that come after ``session``, ``session_v2``, ``message`` and ``session_message``."""
_SESSIONS: Final = re.compile(r"session(_v[0-9]+)?")
_OF_MESSAGES: Final = re.compile(r"(?i).*(message|msg).*")
_BOOKKEEPING: Final = re.compile(
    r"(?i)sqlite_.*|.*migrations?|kv|account.*|control_account|credential|project.*|permission.*"
)
"""Tables that may have rows although nobody asked a model anything."""
_KINDS: Final = (
    *("user", "synthetic", "system", "skill", "shell", "agent-switched", "model-switched", "location-switched"),
    *("assistant", "compaction", "idle"),
)
"""The types of rows of 2.x that we know."""
_MOST_ROWS: Final = 100_000
"""Rows are counted up to here: the tables of real stores can be of any size."""
_MOST_TABLES: Final = 3


def columns(database: sqlite3.Connection, table: str) -> set[str]:
    """Return the names of a table's columns; empty if there is no such table."""
    return {name_of(row[0]) for row in database.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def name_of(value: bytes | str) -> str:
    """Return a name as text; our connection returns bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def has_rowid(database: sqlite3.Connection, table: str) -> bool:
    """Return True if the rows of the table are numbered."""
    # Not by the list of all tables: to make it, SQLite looks into every view and virtual table.
    return database.execute("SELECT 1 FROM pragma_index_info(?)", (table,)).fetchone() is None


def view(place: str, name: str) -> Problem:
    """Return the problem of a view or a virtual table that has the name of a table of OpenCode's."""
    return Problem(ProblemKind.UNKNOWN_SCHEMA, f"{place}#{name}", "a view or a virtual table, which is not read")


def unknown(database: sqlite3.Connection, names: Collection[str], place: str, table: str, why: str) -> Problem:
    """Return the problem of a table that cannot be read, with the number of its rows and with who wrote it."""
    rows = _rows(database, table)
    amount = f", more than {rows - 1:,} rows" if rows > _MOST_ROWS else f", {counted(rows, 'row')}"
    return Problem(ProblemKind.UNKNOWN_SCHEMA, f"{place}#{table}", f"{why}{amount}{_written_by(database, names)}")


def later(database: sqlite3.Connection, names: Collection[str], place: str) -> list[Problem]:
    """Return a problem for each table of a generation to come."""
    found = sorted(name for name in names if _LATER.fullmatch(name))
    return [unknown(database, names, place, name, "a later generation") for name in found]


def strangers(database: sqlite3.Connection, names: Collection[str], place: str) -> list[Problem]:
    """Return the problems of a database that has none of the tables that we know.

    A database without any rows is a new one, and nothing is wrong with it.
    """
    filled = [name for name in sorted(names) if not _BOOKKEEPING.fullmatch(name) and _rows(database, name, most=0)]
    messages = [name for name in filled if _OF_MESSAGES.fullmatch(name)]
    # Whatever they are called now: rows that belong to a session, and not to a message of it.
    owned = [name for name in filled if "session_id" in (have := columns(database, name)) and "message_id" not in have]
    found = messages or owned or filled
    return [unknown(database, names, place, name, "an unknown table") for name in found[:_MOST_TABLES]]


def unknown_types(database: sqlite3.Connection, names: Collection[str], place: str, table: str) -> list[Problem]:
    """Return a problem if rows of a type that we do not know hold the answer of a model. Costs a walk over an index."""
    if "type" not in columns(database, table) or not has_rowid(database, table):
        return []
    query = (
        f"SELECT type, count(*), max(rowid) FROM {table} WHERE type NOT IN ({', '.join('?' * len(_KINDS))}) "
        "GROUP BY type ORDER BY type"
    )
    said = []
    try:
        rows = database.execute(query, _KINDS).fetchall()
    except sqlite3.Error as error:
        if not is_of_the_query(error):
            raise
        return []  # a type too large to be one
    for kind, number, newest in rows:
        if _is_answer(database, table, newest):
            shown = re.sub(r"[^\w-]", "?", name_of(kind[:128]) if isinstance(kind, bytes | str) else "")[:32]
            said.append(f"{counted(number, 'row')} of the unknown type {shown}")
    if not said:
        return []
    why = f"{', '.join(said)}{_written_by(database, names)}"
    return [Problem(ProblemKind.UNKNOWN_SCHEMA, f"{place}#{table}", why)]


def _is_answer(database: sqlite3.Connection, table: str, rowid: int) -> bool:
    query = f"SELECT data FROM {table} WHERE rowid = ? AND length(data) <= {decode.MAX_BYTES}"
    row = first_of(database, query, (rowid,))
    try:
        return (
            row is not None and isinstance(row[0], bytes) and unknown_fields.looks_like_an_answer(decode.parse(row[0]))
        )
    except decode.Malformed:
        return False


def _rows(database: sqlite3.Connection, table: str, most: int = _MOST_ROWS) -> int:
    """Return the number of rows, or one more than ``most``; 0 for a table that cannot be asked."""
    quoted = table.replace('"', '""')
    try:
        query = f'SELECT count(*) FROM (SELECT 1 FROM "{quoted}" LIMIT {most + 1})'
        return int(database.execute(query).fetchone()[0])
    except sqlite3.Error as error:
        if not is_of_the_query(error):
            raise
        return 0


def _written_by(database: sqlite3.Connection, names: Collection[str]) -> str:
    """Return which OpenCode began the latest session, as the end of a sentence; empty if no row says it."""
    known = sorted((name for name in names if _SESSIONS.fullmatch(name)), reverse=True)
    for name in (*known, *sorted(set(names) - set(known))):
        have = columns(database, name)
        # A table of sessions may have another name now; the version is not all that it says of a session.
        if "version" not in have or not (name in known or have & {"directory", "title", "project_id"}):
            continue
        # Sessions come in the order of their rowids; without rowids any row has to do.
        order = "ORDER BY rowid DESC" if has_rowid(database, name) else ""
        quoted = name.replace('"', '""')
        row = first_of(database, f'SELECT version FROM "{quoted}" {order} LIMIT 1', ())
        said = row[0] if row is not None and isinstance(row[0], bytes | str) else ""
        version = re.match(r"[\w.+-]{1,32}", name_of(said[:128]))
        if version:
            return f"; written by OpenCode {version[0]}"
    return ""
