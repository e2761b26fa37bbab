"""Rows that hold a value too large for memory: the rows around them are read, and they are named with their size.

SQLite refuses such a value before it loads a byte of it, and with it the whole query. So the query is asked again for
fewer rows, until it is known which of them it is.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from otel_agent.opencode.shortened import CHUNK, shortened
from otel_agent.opencode.sqlite.failures import is_too_large

MOST_BYTES: Final = 4 * 1024 * 1024
"""The largest value that SQLite loads. SQLite needs ten times as much memory to look into JSON of that size."""
_MOST_STREAMED: Final = 256 * 1024 * 1024
"""The largest JSON that is read a piece at a time. Rows of 2.x with the output of many tools have some megabytes."""

_BELOW_ALL: Final = -(2**63) - 1
"""Lower than every rowid. SQLite has no such integer, so it is asked for as a float that is lower still."""
_ALL: Final = 2**63 - 1

_Columns = tuple[Any, ...]
_Ask = Callable[[int | float, int, int], sqlite3.Cursor]
"""Asks for the rows above one rowid and up to another one, in their order; the third number is the most to return."""


class TooLarge(NamedTuple):
    """A row that cannot be read."""

    rowid: int


def rows_in(ask: _Ask, after: int | None, upto: int, most: int) -> Iterator[_Columns | TooLarge]:
    """Yield the rows of a query by their rowid, which is their first column. Raises ``sqlite3.Error``.

    ``after`` is ``None`` for the lowest of all rowids. Whoever asks has begun a transaction, so that every answer is of one moment.
    """
    after = _BELOW_ALL if after is None else after
    while most > 0 and after < upto:
        try:
            for row in ask(_bound(after), upto, most):
                after, most = row[0], most - 1
                yield row
            return
        except sqlite3.Error as error:
            if not is_too_large(error):
                raise
        # The row before may be lost too: Python asks for the next one before it returns it.
        found = _first(ask, after, upto)
        after, most = found[0], most - 1
        yield found


def rows_of_table(
    database: sqlite3.Connection, table: str, query: str, *arguments: object
) -> Iterator[_Columns | TooLarge]:
    """Yield all rows of a query on one table if one of them is too large. Its first column is the rowid.

    A condition can be added to the query. Raises ``sqlite3.Error``.
    """
    last = database.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0]
    narrowed = f"{query} AND rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?"
    if last is not None:
        yield from rows_in(lambda *bounds: database.execute(narrowed, (*arguments, *bounds)), None, last, _ALL)


def _bound(after: int) -> int | float:
    return after if after > _BELOW_ALL else 2.0 * _BELOW_ALL


def _first(ask: _Ask, after: int, upto: int) -> _Columns | TooLarge:
    """Return the first row if one of them is too large."""
    low, high = after, upto
    while high - low > 1:
        middle = (low + high) // 2
        try:
            row: _Columns | None = ask(_bound(low), middle, 1).fetchone()
        except sqlite3.Error as error:
            if not is_too_large(error):
                raise
            high = middle
            continue
        if row is not None:
            return row
        low = middle
    return TooLarge(high)


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


def without_large_ids(database: sqlite3.Connection, table: str) -> tuple[str, list[int]]:
    """Return a table, or what to ask in its place if it has ids that are too large, and the numbers of their rows.

    Whoever seeks an id in an index loads those that he passes. Without the index, and without their rows, nobody does.
    """
    try:
        database.execute(f"SELECT count(length(id)) FROM {table}").fetchone()
    except sqlite3.Error as error:
        if not is_too_large(error):
            raise
    else:
        return table, []
    found = rows_of_table(database, table, f"SELECT rowid, id FROM {table} NOT INDEXED WHERE 1")
    large = [row.rowid for row in found if isinstance(row, TooLarge)]
    numbers = ", ".join(map(str, large))
    return f"(SELECT rowid, * FROM {table} NOT INDEXED WHERE rowid NOT IN ({numbers}))", large


def shortened_json(database: sqlite3.Connection, table: str, rowid: int) -> bytes | None:
    """Return the JSON in the column ``data`` of a row that is too large, with its long texts shortened.

    ``None`` if it is no JSON object, or too large all the same.
    """
    try:
        with database.blobopen(table, "data", rowid, readonly=True) as value:
            if len(value) > _MOST_STREAMED:
                return None
            found = shortened(iter(lambda: value.read(CHUNK), b""))
    except sqlite3.Error:
        return None
    return found if found is not None and found.lstrip()[:1] == b"{" else None


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
