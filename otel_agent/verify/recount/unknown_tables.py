"""Names tables that may hold calls and that the recount does not know: a later release has them, or another program."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from otel_agent.verify.recount.record import Found, Trouble

_OURS: Final = ("message", "session", "session_message", "session_v2")
_LATER: Final = re.compile(r"(session|message|session_message)_v[0-9]+")
_OWNED: Final = {"session_id"}
_OF_A_MESSAGE: Final = {"message_id"}
_KINDS: Final = (
    *("user", "synthetic", "system", "skill", "shell", "agent-switched", "model-switched", "location-switched"),
    *("assistant", "compaction", "idle"),
)
"""The types of rows of 2.x."""


def strange_tables(database: sqlite3.Connection, store: str, *, read_any: bool) -> Iterator[Found]:
    """Yield a trouble for what was not read. ``read_any`` says that the messages of a known release were."""
    found = database.execute(
        "SELECT name, type, rootpage FROM sqlite_master WHERE type IN ('table', 'view')"
    ).fetchall()
    for name, kind, page in found:
        if name in _OURS and (kind == "view" or not page):
            yield Trouble(store, "", f"{name} is a view or a virtual table")
    for name, kind, page in found:
        if kind != "table" or not page or (name in _OURS and read_any) or not _has_rows(database, name):
            continue
        if _LATER.fullmatch(name) and name not in _OURS:
            yield Trouble(store, "", f"the table {name} is of a later release")
        elif not read_any and _may_hold_messages(database, name):
            yield Trouble(store, "", f"the table {name} is unknown")


def strange_rows(database: sqlite3.Connection, store: str) -> Iterator[Found]:
    """Yield a trouble for each unknown type of rows of 2.x that hold tokens."""
    query = (
        f"SELECT DISTINCT type FROM session_message WHERE type NOT IN ({', '.join('?' * len(_KINDS))}) "
        "AND iif(json_valid(data), json_type(data, '$.tokens'), NULL) = 'object'"
    )
    with suppress(sqlite3.DataError):  # such a row is too large; those of the known types are found one by one
        for (kind,) in database.execute(query, _KINDS).fetchall():
            shown = re.sub(r"[^\w-]", "?", str(kind))[:32]
            yield Trouble(store, "", f"rows of session_message have the unknown type {shown}")


def _may_hold_messages(database: sqlite3.Connection, table: str) -> bool:
    """Return True for rows that are messages by their name, or that belong to a session and to no message of it."""
    have = {row[0] for row in database.execute("SELECT name FROM pragma_table_info(?)", (table,))}
    return "message" in table.lower() or (have >= _OWNED and not have & _OF_A_MESSAGE)


def _has_rows(database: sqlite3.Connection, table: str) -> bool:
    quoted = table.replace('"', '""')
    return database.execute(f'SELECT 1 FROM "{quoted}" LIMIT 1').fetchone() is not None
