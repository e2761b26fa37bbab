"""Rows that hold a value too large for memory: the rows around them are read, and they are named with their size.

SQLite refuses such a value before it loads a byte of it, and with it the whole query. So the query is asked again for
fewer rows, until it is known which of them it is.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from otel_agent.opencode.sqlite.failures import is_too_large

MOST_BYTES: Final = 32 * 1024 * 1024
"""The largest value that is read. Rows of 2.x with the output of many tools have some megabytes."""

_Columns = tuple[Any, ...]
_Ask = Callable[[int, int, int], sqlite3.Cursor]
"""Asks for the rows above one rowid and up to another one, in their order; the third number is the most to return."""


class TooLarge(NamedTuple):
    """A row that cannot be read."""

    rowid: int


def rows_in(ask: _Ask, after: int, upto: int, most: int) -> Iterator[_Columns | TooLarge]:
    """Yield the rows of a query by their rowid, which is their first column. Raises ``sqlite3.Error``.

    Whoever asks has begun a transaction, so that every answer is of one moment.
    """
    while most > 0 and after < upto:
        try:
            for row in ask(after, upto, most):
                after, most = row[0], most - 1
                yield row
            return
        except sqlite3.Error as error:
            if not is_too_large(error):
                raise
        after, most = _first_too_large(ask, after, upto), most - 1
        yield TooLarge(after)


def _first_too_large(ask: _Ask, after: int, upto: int) -> int:
    """Return the rowid of the first row above ``after`` that is too large; there is one, and no other row before it."""
    low, high = after, upto
    while high - low > 1:
        middle = (low + high) // 2
        try:
            ask(low, middle, 1).fetchone()
            low = middle
        except sqlite3.Error as error:
            if not is_too_large(error):
                raise
            high = middle
    return high


def first_of(database: sqlite3.Connection, query: str, arguments: Sequence[object]) -> _Columns | None:
    """Return the first row of a query; ``None`` if there is none, or if it is too large. Raises ``sqlite3.Error``."""
    try:
        row: _Columns | None = database.execute(query, arguments).fetchone()
    except sqlite3.Error as error:
        if not is_too_large(error):
            raise
        return None
    return row


def all_of(database: sqlite3.Connection, query: str, arguments: Sequence[object]) -> list[_Columns]:
    """Return the rows of a query that asks for few; none if one of them is too large. Raises ``sqlite3.Error``."""
    try:
        return database.execute(query, arguments).fetchall()
    except sqlite3.Error as error:
        if not is_too_large(error):
            raise
        return []


def facts_of(
    database: sqlite3.Connection, columns: Sequence[str], of: str, arguments: Sequence[object]
) -> tuple[_Columns | None, list[str]]:
    """Return the columns of one row, ``None`` in place of those that are too large, and which those are.

    ``of`` is the query behind its columns. There is no row if it has none, or if it cannot be found without them.
    """
    try:
        return database.execute(f"SELECT {', '.join(columns)} {of}", arguments).fetchone(), []
    except sqlite3.Error as error:
        if not is_too_large(error):
            raise
    found: list[object] = []
    left_out: list[str] = []
    for column in columns:
        try:
            row = database.execute(f"SELECT {column} {of}", arguments).fetchone()
        except sqlite3.Error as error:
            if not is_too_large(error):
                raise
            row = (None,)
            left_out.append(column)
        if row is None:
            return None, []
        found.append(row[0])
    return (None, []) if len(left_out) == len(columns) else (tuple(found), left_out)


def sizes(database: sqlite3.Connection, table: str, row: TooLarge) -> Iterator[tuple[str, int]]:
    """Yield what is too large in a row: the columns, with their bytes. SQLite knows them without reading the text."""
    for (name,) in database.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall():
        column = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
        try:
            with database.blobopen(table, column, row.rowid, readonly=True) as value:
                size = len(value)
        except sqlite3.Error:
            continue  # a number, or nothing
        if size > MOST_BYTES:
            yield column, size
