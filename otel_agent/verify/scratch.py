"""A temporary database for one comparison: what the stores hold, what the ledger holds, and how they differ.

SQLite keeps it in a file that has no name and is gone with the connection, so memory does not follow the history.
"""

import sqlite3
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from otel_agent.ledger.evidence import Row
from otel_agent.semconv.attributes import provider_name
from otel_agent.verify.recount.record import AsImported, Found, Record, SessionRecord, StoreFacts, Trouble

CATEGORIES: Final = ("input", "output", "reasoning", "cache_read", "cache_write")
"""The columns of the five categories of tokens."""
NUMBERS: Final = (*CATEGORIES, "cost_nusd")
KEY: Final = ("created_ms", "provider", "model", *CATEGORIES)
"""The fields that a copy shares with its original."""

_SCHEMA: Final = """
CREATE TABLE record (
    id, session_id, store, place, form, compaction, created_ms, completed_ms, provider, model,
    input, output, reasoning, cache_read, cache_write, cost_nusd, suspect, marked, usable, written_ms
);
CREATE TABLE as_imported (
    id PRIMARY KEY ON CONFLICT IGNORE, fits, input, output, reasoning, cache_read, cache_write, cost_nusd
) WITHOUT ROWID;
CREATE TABLE session (
    id, store, form, created_ms, forked, version, input, output, reasoning, cache_read, cache_write, cost_nusd
);
CREATE TABLE trouble (place, id, what);
CREATE TABLE store (store, written_ms, migrated_ms);
CREATE TABLE entry (
    number INTEGER PRIMARY KEY, id, session_id, generation, state, created_ms, completed_ms, provider, model,
    input, output, reasoning, cache_read, cache_write, cost_nusd, source, cached_in_input, reasoning_in_output
);
CREATE TABLE unreadable (id);
CREATE TABLE difference (
    -- walk: 1 if the amount lies between what the stores hold and what the ledger holds
    cause, walk, id, session_id, ended_ms, provider, model,
    messages, input, output, reasoning, cache_read, cache_write, cost_nusd
);
"""

DifferenceRow = tuple[object, ...]
"""A row of the table ``difference``: a cause, and what else the schema says."""
_DIFFERENCE_COLUMNS: Final = 14

_CANDIDATE: Final = "(completed_ms IS NOT NULL OR usable)"
_CALL: Final = f"""
CREATE TABLE call AS
SELECT id, session_id, store, place, form, created_ms, completed_ms, coalesce(completed_ms, created_ms) AS ended_ms,
    provider, model, written_ms, suspect, marked, compaction, 0 AS copy, candidates,
    {", ".join(f"most_{name} AS {name}" for name in NUMBERS)},
    {", ".join(f"all_{name}" for name in NUMBERS)}
FROM (
    SELECT *,
        row_number() OVER (PARTITION BY id ORDER BY completed_ms IS NULL, form, rowid) AS place_among,
        sum({_CANDIDATE}) OVER same AS candidates,
        {", ".join(f"max({name}) OVER same AS most_{name}" for name in NUMBERS)},
        {", ".join(f"sum(iif({_CANDIDATE}, {name}, 0)) OVER same AS all_{name}" for name in NUMBERS)}
    FROM record WINDOW same AS (PARTITION BY id)
) WHERE place_among = 1
"""
"""One row for each id. Its time is that of the oldest format: tree, then v1, then v2, whose import moves times."""

_COPIES: Final = f"""
UPDATE call SET copy = 1 WHERE rowid IN (
    SELECT c.rowid FROM call AS c JOIN call AS o
        ON {" AND ".join(f"o.{name} = c.{name}" for name in KEY)} AND o.rowid <> c.rowid
    WHERE c.candidates AND o.candidates
        AND (o.suspect, o.marked, o.form = 'v2', o.rowid) < (c.suspect, c.marked, c.form = 'v2', c.rowid)
        AND iif(o.session_id <> c.session_id, o.suspect OR c.suspect, (o.form = 'v2') <> (c.form = 'v2'))
)
"""
"""Marks all records of one call as copies, but for the one with the best claim to be the original."""

_COPIES_OF_IMPORTED: Final = f"""
UPDATE call SET copy = 1 WHERE form = 'v2' AND suspect AND EXISTS (
    SELECT 1 FROM record AS r JOIN call AS o ON o.id = r.id
    WHERE {" AND ".join(f"r.{name} = call.{name}" for name in KEY)}
        AND r.form = 'v2' AND o.form <> 'v2' AND o.candidates AND o.session_id <> call.session_id
)
"""
"""A fork that 2.x made copies the row of the import, which knows less of a turn of 0.x than its first record."""


class Scratch:
    """The temporary database. ``day`` returns the name of the day of a time in milliseconds."""

    def __init__(self, day: Callable[[int], str]) -> None:
        self.database = sqlite3.connect("", isolation_level=None)
        self.database.execute("PRAGMA journal_mode = OFF")
        self.database.execute("PRAGMA synchronous = OFF")
        named = lru_cache(maxsize=4096)(lambda at_ms: "" if at_ms is None else day(at_ms))
        self.database.create_function("day", 1, named, deterministic=True)
        self.database.create_function("published_name", 1, provider_name, deterministic=True)
        self.database.executescript(_SCHEMA)

    def close(self) -> None:
        """Delete everything."""
        self.database.close()

    def put_found(self, found: Iterable[Found], on_record: Callable[[], None]) -> None:
        """Enter what a recount found. ``on_record`` is called for each record."""
        gathered: dict[type, list[Found]] = {Record: [], AsImported: [], SessionRecord: [], Trouble: [], StoreFacts: []}
        for each in found:
            rows = gathered[type(each)]
            rows.append(each)
            if isinstance(each, Record):
                on_record()
            if len(rows) >= _AT_ONCE:
                self._write(type(each), rows)
        for kind, rows in gathered.items():
            self._write(kind, rows)

    def put_entries(self, rows: Iterable[Row]) -> None:
        """Enter the ledger's rows."""
        self.database.execute("BEGIN")
        self.database.executemany(f"INSERT INTO entry VALUES ({', '.join('?' * 18)})", rows)
        self.database.execute("COMMIT")

    def put_unreadable(self, ids: Iterable[str]) -> None:
        """Enter the ids of messages that the ledger could not read."""
        self.database.executemany("INSERT INTO unreadable VALUES (?)", [(each,) for each in ids])

    def add_differences(self, rows: Iterable[DifferenceRow]) -> None:
        """Enter differences that no query over the tables finds."""
        self.database.executemany(f"INSERT INTO difference VALUES ({', '.join('?' * _DIFFERENCE_COLUMNS)})", rows)

    def join(self) -> None:
        """Make one row of the records of each call, find the copies, and make the keys by which tables are compared."""
        key = ", ".join(KEY)
        for statement in (
            _CALL,
            "CREATE UNIQUE INDEX call_id ON call (id)",
            f"CREATE INDEX call_key ON call ({key})",
            _COPIES,
            f"CREATE INDEX record_key ON record ({key}) WHERE form = 'v2'",
            _COPIES_OF_IMPORTED,
            "CREATE INDEX entry_id ON entry (id)",
            f"CREATE INDEX entry_key ON entry ({key})",
            "CREATE INDEX entry_session ON entry (session_id)",
            "CREATE INDEX call_session ON call (session_id)",
            "CREATE INDEX session_id ON session (id)",
            "CREATE INDEX trouble_id ON trouble (id)",
            "CREATE INDEX unreadable_id ON unreadable (id)",
            "ANALYZE",
        ):
            self.database.execute(statement)

    def _write(self, kind: type, rows: list[Found]) -> None:
        if not rows:
            return
        marks = ", ".join("?" * len(rows[0]))
        self.database.execute("BEGIN")
        self.database.executemany(f"INSERT INTO {_TABLES[kind]} VALUES ({marks})", rows)
        self.database.execute("COMMIT")
        rows.clear()


_AT_ONCE: Final = 5_000
_TABLES: Final = {
    Record: "record",
    AsImported: "as_imported",
    SessionRecord: "session",
    Trouble: "trouble",
    StoreFacts: "store",
}
