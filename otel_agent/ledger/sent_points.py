"""A second record of what the backend has, in a file of its own beside the ledger.

The ledger can be lost, damaged, or be replaced by an older copy. Then OpenCode's data is counted again, but only this
record knows how far each series had come at the backend. With it no series falls, and nothing counts twice there. Each
change of the record has a number, which the ledger notes as well. If the record's number is the higher one, the ledger
is older than what was sent.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from otel_agent.errors import LedgerError
from otel_agent.ledger import place
from otel_agent.ledger.connection import connect_to_write
from otel_agent.private_files import replace_private

NAME: Final = "sent.db"
_VERSION: Final = 1
_COLUMNS: Final = (
    "metric, attributes, start_ns, changed_ns, windowed, told_value, told_count, told_buckets, told_ns, "
    "open_value, open_count, open_buckets, open_ns"
)
_TABLES: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # The columns are those of the ledger's table ``series``.
    (
        "CREATE TABLE point (metric TEXT NOT NULL, attributes TEXT NOT NULL, start_ns INTEGER NOT NULL, "
        "changed_ns INTEGER NOT NULL, windowed INTEGER NOT NULL, told_value INTEGER, told_count INTEGER, told_buckets TEXT, "
        "told_ns INTEGER, open_value INTEGER, open_count INTEGER, open_buckets TEXT, open_ns INTEGER, "
        "PRIMARY KEY (metric, attributes)) WITHOUT ROWID"
    ),
    f"PRAGMA user_version = {_VERSION}",
)
_KEEP: Final = f"INSERT OR REPLACE INTO point ({_COLUMNS}) VALUES ({', '.join('?' * 13)})"
_ALL: Final = f"SELECT {_COLUMNS} FROM series"
_THESE: Final = f"SELECT {_COLUMNS} FROM series WHERE metric = ? AND attributes = ?"
_BRING_BACK: Final = f"""
INSERT INTO series ({_COLUMNS}, value, count, buckets) VALUES ({", ".join("?" * 13)}, 0, 0, '[]')
ON CONFLICT (metric, attributes) DO UPDATE SET start_ns = excluded.start_ns,
    told_value = excluded.told_value, told_count = excluded.told_count, told_buckets = excluded.told_buckets,
    told_ns = excluded.told_ns, open_value = excluded.open_value, open_count = excluded.open_count,
    open_buckets = excluded.open_buckets, open_ns = excluded.open_ns
"""


class SentPoints:
    """The record in ``state_dir``. It belongs to the process that has the ledger."""

    def __init__(self, state_dir: Path) -> None:
        """Open or begin it; one that cannot be read is begun again. Raises ``LedgerError`` if it cannot be written."""
        self._path = state_dir / NAME
        self._database: sqlite3.Connection | None = None
        try:
            self._open()
        except LedgerError:
            # It only repeats what the ledger says, which is there now.
            self._begin_again()

    def facts(self) -> dict[str, str]:
        """Return the facts of the ledger's life, and the number of the last change; empty if the record is new."""
        return dict(self._opened.execute("SELECT key, value FROM meta").fetchall())

    def keep(self, ledger: sqlite3.Connection, keys: Iterable[tuple[str, str]], facts: Mapping[str, str]) -> None:
        """Keep what the ledger says of these series. Raises ``LedgerError`` if it cannot be written."""
        rows = [ledger.execute(_THESE, key).fetchone() for key in keys]
        try:
            self._write(rows, facts)
        except LedgerError:
            # Somebody may have removed or changed the file. If it is the disk, this fails as well.
            self._begin_again()
            self.keep_all(ledger, facts)

    def keep_all(self, ledger: sqlite3.Connection, facts: Mapping[str, str]) -> None:
        """Replace the record by what the ledger says. Raises ``LedgerError`` if it cannot be written."""
        self._write(ledger.execute(_ALL).fetchall(), facts, from_scratch=True)

    def bring_back(self, ledger: sqlite3.Connection) -> int:
        """Note in the ledger what the backend has, and return of how many series. Runs inside the ledger's transaction."""
        rows = self._opened.execute(f"SELECT {_COLUMNS} FROM point").fetchall()
        ledger.executemany(_BRING_BACK, rows)
        return len(rows)

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
        self._database = None

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            raise LedgerError(f"{self._path} is not open")
        return self._database

    def _write(
        self, rows: Iterable[tuple[object, ...]], facts: Mapping[str, str], *, from_scratch: bool = False
    ) -> None:
        database = self._opened
        database.execute("BEGIN IMMEDIATE")
        try:
            if from_scratch:
                database.execute("DELETE FROM point")
                database.execute("DELETE FROM meta")
            database.executemany(_KEEP, rows)
            database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts.items())
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise

    def _open(self) -> None:
        if not place.exists(self._path):
            self._create()
        self._database = connect_to_write(self._path)
        # A power cut cannot need it: the ledger is on the disk before anything is sent. A kill leaves it whole.
        self._database.execute("PRAGMA synchronous = OFF")
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._database.execute("BEGIN")
            for statement in _TABLES:
                self._database.execute(statement)
            self._database.execute("COMMIT")
        elif version != _VERSION or self._database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise LedgerError(f"{self._path} is not readable")
        self._database.execute(f"SELECT {_COLUMNS} FROM point LIMIT 1").fetchone()
        self.facts()

    def _begin_again(self) -> None:
        self.close()
        # What is no file of ours is named, and stays.
        place.exists(self._path)
        for ending in place.BESIDE:
            Path(f"{self._path}{ending}").unlink(missing_ok=True)
        self._create()
        self._open()

    def _create(self) -> None:
        try:
            replace_private(self._path, b"")
        except OSError as error:
            raise place.cannot_be_written(self._path.parent, error) from None
