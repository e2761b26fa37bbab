"""The rows of one table of messages, by each of the questions that a reader has. A row that is too large has a name only."""

import json
import sqlite3
from collections.abc import Generator, Sequence
from typing import Final

from otel_agent.model import Problem, ProblemKind
from otel_agent.opencode.sqlite.failures import is_too_large
from otel_agent.opencode.sqlite.known_tables import Tables
from otel_agent.opencode.sqlite.parts import text_of
from otel_agent.opencode.sqlite.row import DATA, ID, Columns
from otel_agent.opencode.sqlite.row_size import TooLarge, facts_of, first_of, rows_in, shortened_json, sizes

NO_ID: Final = "\0"
"""Stands for an id that is missing or too large; no id has this character."""

Found = Generator[Columns | TooLarge, None, None]
"""Rows as SQLite gives them. Whoever asks for them has begun a transaction."""


class Rows:
    """Asks for the rows of one table. Everything here raises ``sqlite3.Error``."""

    def __init__(self, database: sqlite3.Connection, tables: Tables) -> None:
        self._database, self._tables = database, tables

    def after(self, rowid: int | None, most: int) -> Found:
        """Yield the first rows above a rowid, ``None`` for the first of all."""
        last = self._database.execute(self._tables.last_rowid).fetchone()[0]
        if last is not None:
            yield from self._in_order(self._tables.after_rowid, (), (rowid, last, most))

    def updated_since(self, since_ms: int, after: int | None, upto: int, most: int) -> Found:
        """Yield the first rows above one rowid, if any, and up to another one that were written since a time."""
        yield from self._in_order(self._tables.updated_since, (since_ms,), (after, upto, most))

    def by_id(self, ids: list[str], most: int) -> Found:
        """Yield the rows with these ids."""
        read: set[str] = set()
        try:
            for row in self._database.execute(self._tables.by_id, (json.dumps(ids), most)):
                read.add(text_of(row[ID]))
                yield row
            return
        except sqlite3.Error as error:
            if not is_too_large(error):
                raise
        for each in ids:
            yield from () if each in read else self._by_one_id(each)

    def id_at(self, rowid: int) -> str | None:
        """Return the id of the row with this number, ``NO_ID`` if it has none that can be read.

        ``None`` if there is no such row.
        """
        row, left_out = facts_of(self._database, ("1", "id"), self._tables.of_rowid, (rowid,))
        if row is None:
            return None
        return NO_ID if left_out else text_of(row[1]) or NO_ID

    def shortened(self, row: TooLarge) -> Columns | None:
        """Return a row that is too large with its long texts shortened; ``None`` if that is not possible."""
        found = first_of(self._database, self._tables.without_data, (row.rowid,))
        raw = None if found is None else shortened_json(self._database, self._tables.messages, row.rowid)
        return None if found is None or raw is None else (*found[:DATA], raw, *found[DATA + 1 :])

    def left_out(self, row: TooLarge, name: str) -> tuple[Problem, str]:
        """Return the problem of a row that is too large, with the size of what is too large in it, and the row's id."""
        row_id = self.id_at(row.rowid) or NO_ID
        found = sizes(self._database, self._tables.messages, row)
        large = ", ".join(f"{size:,} bytes in {column}" for column, size in found)
        place = f"{name}#{f'row {row.rowid}' if row_id == NO_ID else row_id}"
        return Problem(ProblemKind.TOO_LARGE, place, large), row_id

    def _by_one_id(self, message_id: str) -> Found:
        query = f"SELECT rowid FROM {self._tables.messages} WHERE id = ?"
        for (rowid,) in self._database.execute(query, (message_id,)).fetchall():
            yield from self._in_order(self._tables.after_rowid, (), (rowid - 1, rowid, 1))

    def _in_order(self, query: str, first: Sequence[object], bounds: tuple[int | None, int, int]) -> Found:
        yield from rows_in(lambda *narrower: self._database.execute(query, (*first, *narrower)), *bounds)
