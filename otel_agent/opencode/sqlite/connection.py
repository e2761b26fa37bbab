"""Connections to OpenCode's databases: read-only, bounded in memory and work, and unnoticed by OpenCode.

Nothing here opens a database but SQLite. If anything else in this process opened and closed such a file, every lock that
our connections hold on it would be dropped (sqlite.org/howtocorrupt.html, 2.2). Whoever closes the database last would
then remove the WAL below us.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from otel_agent.opencode.sqlite.row_size import MOST_BYTES

_BUSY_SECONDS: Final = 2.0
"""Wait so long if OpenCode holds the database; then the next pass tries again."""
_BEING_MADE_MS: Final = 2_000
"""A younger database may still be being made. OpenCode turns it to WAL within milliseconds and does not wait for a lock
meanwhile. If we looked at it just then, OpenCode's start would end with "database is locked"."""
_FIRST_PAGE: Final = 4_096
"""Bytes of a database without tables. OpenCode turns it to WAL before it makes any."""
_STRIDE: Final = 1_000_000
_MOST_STRIDES: Final = 500
"""A statement ends after so many strides of SQLite's virtual machine. They are some ten seconds of work, and 50 times
as much as a walk over a million rows takes. They do not count the time in which a slow disk works."""

_Mark = tuple[int, int, int]
"""Inode, size and time of change of a file; zeros if it is not there."""


class Connection(sqlite3.Connection):
    """A connection whose statements end."""

    _strides = 0

    def bound(self) -> None:
        """Begin to stop statements that do not end, and refuse values that are too large to be held."""
        self.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
        self.set_progress_handler(self._after_stride, _STRIDE)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self._strides = 0
        return super().execute(sql, parameters)

    def _after_stride(self) -> bool:
        self._strides += 1
        return self._strides > _MOST_STRIDES


class Files(Struct, frozen=True):
    """A database and the side files of its WAL, as they are at their paths."""

    database: _Mark
    wal: _Mark
    shm: int
    """The inode of the index of the WAL, 0 if there is none."""

    @classmethod
    def at(cls, path: Path, status: os.stat_result | None = None) -> "Files":
        """Return the files as they are now; ``status`` is what was known of the database before. Nothing is opened."""
        of_database = _mark_at(path) if status is None else _mark_of(status)
        return cls(of_database, _mark_at(Path(f"{path}-wal")), _mark_at(Path(f"{path}-shm"))[0])

    def are_those_of(self, opened: "Files") -> bool:
        """Return False if a side file that was there when a connection was opened is another one now, or gone.

        Such a connection reads and waits at a file that nobody writes any more.
        """
        before, now = (opened.wal[0], opened.shm), (self.wal[0], self.shm)
        return all(then in (0, inode) for then, inode in zip(before, now, strict=True))


def connect(path: Path, *, immutable: bool = False) -> Connection:
    """Open a database of OpenCode's for reading. Text comes as bytes: one bad byte must not fail a whole query.

    Raises ``sqlite3.Error``. ``immutable`` is for a file that nobody writes while it is read.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if immutable else ''}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=Connection
    )
    try:
        connection.bound()
        connection.text_factory = bytes
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def is_being_made(path: Path, status: os.stat_result, now_ms: int) -> bool:
    """Return True for a database that OpenCode may not have turned to WAL yet, by what the system says of the file.

    One that has tables, or a WAL, is complete. So one that is written all the time without a WAL is read.
    """
    young = now_ms - status.st_mtime_ns // 1_000_000 <= _BEING_MADE_MS
    return young and status.st_size <= _FIRST_PAGE and not os.path.exists(f"{path}-wal")  # noqa: PTH110


def must_be_immutable(path: Path, status: os.stat_result) -> bool:
    """Return True if we must not make the two side files of a WAL here.

    They could not be made, or they would belong to us in another user's folder, and that user's OpenCode could not
    write any more. Only without a WAL is the database whole in its file. Root's side files get the database's owner.
    """
    wal = f"{path}-wal"
    if os.path.exists(wal) and os.path.getsize(wal):  # noqa: PTH110, PTH202 - do not raise when Path's do
        return False
    # Root may write anywhere, and SQLite gives root's side files to the owner of the database.
    foreign = hasattr(os, "geteuid") and os.geteuid() not in (0, status.st_uid)
    return foreign or not os.access(path.parent, os.W_OK)


def _mark_of(status: os.stat_result) -> _Mark:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _mark_at(path: Path) -> _Mark:
    try:
        return _mark_of(path.stat())
    except OSError:
        return 0, 0, 0
