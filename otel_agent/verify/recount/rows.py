"""Reads the rows of a table around those that are too large for memory."""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

MOST_BYTES: Final = 32 * 1024 * 1024
"""The largest value that is read."""


class TooLarge(NamedTuple):
    """A row that was left out."""

    rowid: int


def rows(database: sqlite3.Connection, columns: str, table: str, condition: str = "1") -> Iterator[Any]:
    """Yield the rows of a table ``m``, each with a key as its first column; a ``TooLarge`` in place of one that is.

    SQLite refuses a value that is too large before it loads it, and the whole query with it. Then each row is asked for alone.
    """
    query, seen = f"SELECT {columns} FROM {table} AS m WHERE {condition}", set()
    try:
        for row in database.execute(query):
            seen.add(row[0])
            yield row
        return
    except sqlite3.Error as error:
        if not is_too_large(error):
            raise
    # An index may hold what is too large, too: the table itself is walked.
    for (rowid,) in database.execute(f"SELECT rowid FROM {table} NOT INDEXED ORDER BY rowid"):
        try:
            row = database.execute(f"{query} AND m.rowid = ?", (rowid,)).fetchone()
        except sqlite3.Error as error:
            if not is_too_large(error):
                raise
            yield TooLarge(rowid)
            continue
        if row is not None and row[0] not in seen:
            yield row


def name_of(database: sqlite3.Connection, table: str, row: TooLarge) -> str:
    """Return the id of a row that is too large, or its number if even that is."""
    with suppress(sqlite3.DataError):
        found = database.execute(f"SELECT id FROM {table} WHERE rowid = ?", (row.rowid,)).fetchone()[0]
        if found:
            return str(found)
    return f"row {row.rowid}"


def is_too_large(error: sqlite3.Error) -> bool:
    """Return True if a value was larger than ``MOST_BYTES``."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_TOOBIG
