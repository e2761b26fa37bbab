"""Connections to the ledger's database that raise our errors instead of SQLite's."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from otel_agent.errors import LedgerDamaged, LedgerError
from otel_agent.ledger import place


class LeftHalfway(LedgerError):
    """A killed process left a write in a rollback journal: only a connection that can write can undo it."""


class Connection(sqlite3.Connection):
    """A connection to the ledger that raises our errors instead of SQLite's.

    ``LedgerDamaged`` means that the file is not what we wrote. ``LedgerError`` may go away (a full disk, a lock): the
    transaction is rolled back and nothing is lost.
    """

    def cursor(self, factory: Any = None) -> Any:
        """Return a cursor that raises our errors."""
        return super().cursor(_Cursor)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute one statement."""
        with _errors_of_ours():
            return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """Execute one statement for each set of parameters."""
        with _errors_of_ours():
            return super().executemany(sql, parameters)


class _Cursor(sqlite3.Cursor):
    """A cursor that raises our errors: a damaged page may be read long after the statement began."""

    def __next__(self) -> Any:
        with _errors_of_ours():
            return super().__next__()

    def fetchone(self) -> Any:
        with _errors_of_ours():
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with _errors_of_ours():
            return super().fetchall()


class _errors_of_ours:
    """Translate SQLite's errors. This is a class, because a generator around each row would cost more than the row."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _at: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise ours(error) from error


def ours(error: sqlite3.Error) -> LedgerError:
    """Return the error of ours that says the same."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY_ROLLBACK:
        return LeftHalfway("a process was killed in the middle of a write to the ledger. `otel-agent run` undoes it")
    if _is_damage(error):
        return LedgerDamaged(f"the ledger is not readable: {error}")
    return LedgerError(f"cannot use the ledger: {error}. Check the disk and its permissions")


def _is_damage(error: sqlite3.Error) -> bool:
    if not isinstance(error, sqlite3.DatabaseError):
        return False
    # A table or a column that is gone, or text that is no UTF-8, is no failure of the disk.
    gone = str(error).startswith(
        ("no such table", "no such column", "no such view", "Could not decode", "malformed JSON")
    )
    return gone or not isinstance(error, sqlite3.OperationalError)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open an existing ledger beside its writer. Raises ``LedgerError`` if it cannot be opened."""
    place.exists(path)
    if not place.can_be_written_beside(path) and not Path(f"{path}-wal").exists():
        # A reader keeps a file beside the database, which is impossible here. Nobody can write to the database either.
        return connect_to_idle(path)
    return _connected(path, "mode=ro")


def connect_to_idle(path: Path) -> sqlite3.Connection:
    """Open a ledger that nobody writes, and leave nothing beside it. Raises ``LedgerError`` if it cannot be opened.

    No connection of this process may have the file open: to close this one would drop that one's locks.
    """
    return _connected(path, "mode=ro&immutable=1")


def connect_to_write(path: Path) -> sqlite3.Connection:
    """Open an existing database to write it. Raises ``LedgerError`` if it cannot be opened."""
    return _connected(path, "mode=rw")


def _connected(path: Path, how: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?{how}"
    try:
        return sqlite3.connect(
            address, uri=True, isolation_level=None, check_same_thread=False, timeout=10, factory=Connection
        )
    except sqlite3.Error as error:
        raise ours(error) from error
