"""The order of the rows of 2.x: which row of a session comes before or after another one.

OpenCode has an index for each of these questions, so an answer costs a few steps however long the history is. A
database without them would be read from end to end for every answer: 2,000 calls took 12 s. So its order is read
once, into two numbers for each row and question, and 20,000 calls take 2 s.
"""

import sqlite3
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from otel_agent.opencode import json_values
from otel_agent.opencode.sqlite.failures import is_too_large
from otel_agent.opencode.sqlite.parts import text_of
from otel_agent.opencode.sqlite.row_size import TooLarge, first_of, rows_of_table

START: Final = -1
"""Lower than the number of every row in its session."""
END: Final = 2**63 - 1
"""Higher than the number of every row."""
_INDEXES: Final = (
    "SELECT i.name, c.name FROM pragma_index_list(?) AS i, pragma_index_info(i.name) AS c WHERE NOT i.partial "
    "ORDER BY i.seq, c.seqno"
)
_WANTED: Final = (("session_id", "type", "seq"), ("session_id", "time_created"))
"""How the columns begin of the two indexes that the questions need."""


class Place(Struct, frozen=True):
    """The place of a row in its session."""

    id: str
    seq: int
    created_ms: int
    kind: str


class RowOrder:
    """Answers questions on the order of the rows of one table. What it keeps in mind is dropped once somebody wrote."""

    def __init__(self, database: sqlite3.Connection, table: str) -> None:
        self._database, self._table = database, table
        self._indexed: bool | None = None
        self._read: _ReadOrder | None = None
        self._has: dict[str, bool] = {}
        self._version: int | None = None
        self._is_new_transaction = True

    def forget(self) -> None:
        """Look at the next question whether somebody wrote since the last one."""
        self._is_new_transaction = True

    def place(self, message_id: str) -> Place | None:
        """Return the place of a row, ``None`` if it is gone."""
        return self._place("id = ?", message_id)

    def find(self, kind: str, session_id: str, low: int, high: int, *, newest: bool = False) -> Place | None:
        """Return the first row of a type between two numbers, which are not in it, or the newest."""
        if not self._has_indexes():
            rowid = self._order().row(kind, session_id, low, high, newest=newest)
            return None if rowid is None else self._place("rowid = ?", rowid)
        order = "DESC" if newest else "ASC"
        return self._place(
            f"session_id = ? AND type = ? AND seq > ? AND seq < ? ORDER BY seq {order} LIMIT 1",
            *(session_id, kind, low, high),
        )

    def up_to(self, session_id: str, at_ms: int) -> int:
        """Return the number of a session's last row that is not newer, ``START`` if there is none."""
        if not at_ms:
            return START
        if not self._has_indexes():
            return self._order().up_to(session_id, at_ms)
        query = (
            f"SELECT seq FROM {self._table} WHERE session_id = ? AND time_created <= ? "
            "ORDER BY time_created DESC, id DESC LIMIT 1"
        )
        row = self._database.execute(query, (session_id, at_ms)).fetchone()
        return row[0] if row is not None and isinstance(row[0], int) else START

    def has(self, kind: str) -> bool:
        """Return True if any session has a row of this type. It costs a walk over an index, once until somebody writes."""
        self._drop_what_is_old()
        if kind not in self._has:
            query = f"SELECT rowid FROM {self._table} WHERE type = ?"
            try:
                self._has[kind] = self._database.execute(f"{query} LIMIT 1", (kind,)).fetchone() is not None
            except sqlite3.Error as error:
                if not is_too_large(error):
                    raise
                found = rows_of_table(self._database, self._table, query, kind)
                self._has[kind] = any(not isinstance(row, TooLarge) for row in found)
        return self._has[kind]

    def _has_indexes(self) -> bool:
        if self._indexed is None:
            columns: dict[str, tuple[str, ...]] = {}
            for index, column in self._database.execute(_INDEXES, (self._table,)):
                columns[text_of(index)] = (*columns.get(text_of(index), ()), text_of(column))
            self._indexed = all(any(have[: len(want)] == want for have in columns.values()) for want in _WANTED)
        return self._indexed

    def _order(self) -> "_ReadOrder":
        self._drop_what_is_old()
        if self._read is None:
            self._read = _ReadOrder(self._database, self._table)
        return self._read

    def _drop_what_is_old(self) -> None:
        if not self._is_new_transaction:
            return
        # Within a transaction, this is the version of what the transaction sees.
        version = int(self._database.execute("PRAGMA data_version").fetchone()[0])
        if version != self._version:
            self._read, self._version = None, version
            self._has.clear()
        self._is_new_transaction = False

    def _place(self, where: str, *arguments: object) -> Place | None:
        query = f"SELECT id, seq, time_created, type FROM {self._table} WHERE {where}"
        row = first_of(self._database, query, arguments)
        if row is None or not isinstance(row[1], int):
            return None
        return Place(text_of(row[0]), row[1], json_values.time_ms(row[2]) or 0, text_of(row[3]))


class _Pairs:
    """Pairs of numbers in the order of the first ones."""

    def __init__(self) -> None:
        self.keys, self.values = array("q"), array("q")

    def add(self, key: int, value: int) -> None:
        """Add a pair that comes after all others."""
        self.keys.append(key)
        self.values.append(value)


class _ReadOrder:
    """The order of all rows, as it was read."""

    def __init__(self, database: sqlite3.Connection, table: str) -> None:
        rows = f"FROM {table} WHERE typeof(seq) = 'integer'"
        by_type = f"SELECT session_id, type, seq, rowid {rows} ORDER BY session_id, type, seq"
        by_time = (
            f"SELECT session_id, time_created, seq {rows} AND typeof(time_created) = 'integer' "
            "ORDER BY session_id, time_created, id"
        )
        try:
            self._of_types = _grouped(((key, kind), seq, at) for key, kind, seq, at in database.execute(by_type))
            self._of_times = _grouped(((key, None), time, seq) for key, time, seq in database.execute(by_time))
        except sqlite3.Error as error:
            if not is_too_large(error):
                raise
            self._sort_here(database, table)

    def _sort_here(self, database: sqlite3.Connection, table: str) -> None:
        """Order the rows without SQLite, which orders none if one of them is too large."""
        query = f"SELECT rowid, session_id, type, seq, time_created, id FROM {table} WHERE typeof(seq) = 'integer'"
        found = rows_of_table(database, table, query)
        rows = [row for row in found if not isinstance(row, TooLarge) and isinstance(row[1], bytes)]
        rows.sort(key=lambda row: row[3])
        self._of_types = _grouped(((key, kind), seq, at) for at, key, kind, seq, *_ in rows)
        timed = [row for row in rows if isinstance(row[4], int) and isinstance(row[5], bytes)]
        timed.sort(key=lambda row: (row[4], row[5]))
        self._of_times = _grouped(((row[1], None), row[4], row[3]) for row in timed)

    def row(self, kind: str, session_id: str, low: int, high: int, *, newest: bool) -> int | None:
        """Return the rowid of the first row of a type between two numbers, or of the newest."""
        rows = self._of_types.get((session_id.encode(), kind.encode()), _NONE)
        at = bisect_left(rows.keys, high) - 1 if newest else bisect_right(rows.keys, low)
        return rows.values[at] if 0 <= at < len(rows.keys) and low < rows.keys[at] < high else None

    def up_to(self, session_id: str, at_ms: int) -> int:
        """Return the number of a session's last row that is not newer, ``START`` if there is none."""
        rows = self._of_times.get((session_id.encode(), None), _NONE)
        at = bisect_right(rows.keys, at_ms)
        return rows.values[at - 1] if at else START


_Key = tuple[object, object]
"""A session and a type, as their columns have them."""
_NONE: Final = _Pairs()


def _grouped(rows: Iterable[tuple[_Key, int, int]]) -> dict[_Key, _Pairs]:
    found: dict[_Key, _Pairs] = {}
    for key, first, second in rows:
        pairs = found.get(key)
        if pairs is None:
            pairs = found[key] = _Pairs()
        pairs.add(first, second)
    return found
