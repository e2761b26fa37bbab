"""OpenCode's SQLite stores: the v1 tables of 1.2 to 1.18, and the 2.x tables beside or instead of them.

We open them read-only and keep each read transaction to one chunk of rows, because a long one would keep OpenCode
from checkpointing its WAL. ``part`` and ``event`` hold tens of gigabytes in real stores: no query touches them but by
key. Columns differ between releases, so they are probed.
"""

import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import time_ns
from typing import Final

from otel_agent.model import (
    AskWanted,
    Batch,
    Calls,
    CallsWanted,
    Checkpoint,
    Message,
    Problem,
    ProblemKind,
    ReadScope,
    Recall,
    StoreTotals,
    Unreadable,
)
from otel_agent.opencode.bounded_files import in_words
from otel_agent.opencode.json_values import MAX_TIME_MS
from otel_agent.opencode.sqlite import session_totals
from otel_agent.opencode.sqlite.calls import read_calls
from otel_agent.opencode.sqlite.cursor import Ask, DatabaseFile, mark_of
from otel_agent.opencode.sqlite.known_tables import Tables, probe
from otel_agent.opencode.sqlite.table_reader import TableReader

_BUSY_SECONDS: Final = 2.0
"""Wait so long if OpenCode holds the database; then the next pass tries again."""
_BEING_MADE_MS: Final = 2_000
"""A younger database may still be being made. OpenCode turns it to WAL within milliseconds and does not wait for a lock
meanwhile: if we looked at it just then, OpenCode's start would end with "database is locked"."""
_MADE_WITHOUT_WAL: Final = re.compile(rb"(SQLite format 3\x00..\x01\x01.*)?", re.DOTALL)
"""The beginning of such a file: nothing, or a header that names no WAL (sqlite.org/fileformat.html)."""


_open_files: Final[Counter[tuple[int, int]]] = Counter()
"""Device and inode of the files to which this process has connections now, with their number.

Nothing else may open such a file: closing it again would drop every lock that the connections hold on it
(sqlite.org/howtocorrupt.html, 2.2). Whoever closes the database last would then remove the WAL below us."""

_LONG_AFTER_MS: Final = MAX_TIME_MS
"""A time to give in place of the present for a database that was read before, and so is not being made."""


class Database:
    """One database file. The connection stays open between passes, so that ``PRAGMA data_version`` says at no cost that
    nobody wrote. It is dropped when the file is replaced or fails, and at each sweep, because a file that was
    overwritten in place shows only to a new one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: _Connection | None = None
        self._inode = 0
        self._shm_inode = 0
        self._immutable = False
        self._unchanged_since: int | None = None
        self._totals: frozenset[session_totals.Row] = frozenset()
        self._source = session_totals.DatabaseTotals(lambda: self._connected(_LONG_AFTER_MS))
        self.name = in_words(path)

    @property
    def folder(self) -> Path:
        """The folder of the file, in which its write-ahead log changes too."""
        return self._path.parent

    @property
    def is_tree(self) -> bool:
        """Always False: nothing changes in the folders below."""
        return False

    def close(self) -> None:
        """Close the connection, so that the next pass begins from the checkpoints."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._unchanged_since, self._totals = None, None, frozenset()

    def read(self, recall: Recall, ask_wanted: AskWanted, *, now_ms: int, scope: ReadScope) -> Iterator[Batch]:
        """Yield what may be new since the checkpoints; nothing if nobody wrote, except in a sweep."""
        if scope.sweep:
            self._reopen(now_ms)
        try:
            mark, place = mark_of(self._path, now_ms * 1_000_000), f"database:{self.name}"
            # A new process would walk over all rows for those that were rewritten: a second for a million.
            as_left = mark and recall(place) == mark
            sweep = scope.sweep or (self._unchanged_since is None and not as_left)
            yield from self._read(Ask(recall, ask_wanted), now_ms=now_ms, sweep=sweep)
            if sweep and mark and not as_left and self._unchanged_since is not None:
                yield Batch(checkpoints=[Checkpoint(place, mark)])
        except sqlite3.Error as error:
            self.close()
            yield Batch(problems=[_problem(error, self.name)])
        if self._immutable:
            self.close()  # it would not see what OpenCode writes from now on

    def read_calls(self, messages: Sequence[Message], wanted: CallsWanted) -> Calls:
        """Return the calls of messages that were read earlier. Raises ``Unreadable``."""
        with self._connected(_LONG_AFTER_MS) as (database, tables):
            return read_calls(database, tables, messages, wanted)

    def length(self) -> int:
        """Return how many rows of messages there are; 0 if they cannot be counted now."""
        try:
            with self._connected(time_ns() // 1_000_000) as (database, tables):
                return sum(int(database.execute(each.count).fetchone()[0]) for each in tables)
        except Unreadable:
            return 0

    def _read(self, ask: Ask, *, now_ms: int, sweep: bool) -> Iterator[Batch]:
        database = self._open(now_ms)
        if database is None:
            return
        # The version changes with every commit of another connection, so an idle store costs one statement.
        version = int(database.execute("PRAGMA data_version").fetchone()[0])
        if version == self._unchanged_since and not sweep:
            return
        tables, problems = probe(database, self.name, thorough=sweep)
        if problems:
            yield Batch(problems=problems)
        # Totals before rows: a call that ends in between is missing in the totals only, and the next pass adds it.
        # The other way round it would be counted as unattributed, and then as a message too.
        known = {each.generation: session_totals.read_rows(database, each) for each in tables}
        migrated_ms = session_totals.migrated_ms(database) if any(known.values()) else None
        for each in tables:
            reader = TableReader(database, each, DatabaseFile(self.name, self._inode), ask, migrated_ms)
            yield from reader.read(now_ms=now_ms, sweep=sweep)
            if known[each.generation]:
                changed = [session_totals.decoded(row) for row in known[each.generation] - self._totals]
                yield Batch(totals=StoreTotals(changed, reader.unsettled, migrated_ms, self._source))
                self._totals = known[each.generation]
        # Asked before reading: a row that was written meanwhile is read in the next pass.
        self._unchanged_since = version

    @contextmanager
    def _connected(self, now_ms: int) -> Iterator[tuple[sqlite3.Connection, list[Tables]]]:
        """Connect for a question that no pass asks. Raises ``Unreadable``."""
        try:
            database = self._open(now_ms)
            if database is None:
                raise Unreadable(Problem(ProblemKind.NO_ACCESS, self.name, "it is not there, or not ready yet"))
            yield database, probe(database, self.name)[0]
        except sqlite3.Error as error:
            self.close()
            raise Unreadable(_problem(error, self.name)) from None

    def _reopen(self, now_ms: int) -> None:
        """Open a connection that sees a file that was overwritten in place."""
        # The new connection opens before the old one closes. The last connection to close removes the WAL, and the next
        # one to open recovers it under a lock. An OpenCode that starts just then does not wait for that lock.
        if self._is_cut_off():
            self.close()  # a new connection would share the removed side files with the old one
        old, self._connection = self._connection, None
        try:
            self._open(now_ms)
        except sqlite3.Error:
            self.close()
        finally:
            self._unchanged_since = None
            if old is not None:
                old.close()

    def _open(self, now_ms: int) -> sqlite3.Connection | None:
        """Return the connection to the file that is at the path now, ``None`` if there is none or it is just being made."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self.close()
            return None
        except OSError as error:
            raise sqlite3.OperationalError(f"unable to open database file: {error.strerror}") from None
        if self._connection is not None and status.st_ino == self._inode and not self._is_cut_off():
            return self._connection
        self.close()
        # A file to which we have a connection was made long ago, and must not be opened beside it.
        file = status.st_dev, status.st_ino
        if not _open_files[file] and _is_being_made(self._path, status, now_ms):
            return None
        # Decided for each connection: a WAL may have appeared or gone since the last one.
        self._immutable = _must_be_immutable(self._path, status)
        self._connection = connect(self._path, immutable=self._immutable)
        self._connection.note(file)
        self._inode, self._shm_inode = status.st_ino, self._shm_now()
        return self._connection

    def _is_cut_off(self) -> bool:
        """Return True if somebody removed the side files of the WAL below our connection, which then sees no write."""
        if self._connection is None or self._immutable:
            return False
        now = self._shm_now()
        if not self._shm_inode:
            self._shm_inode = now  # the database was turned to WAL after we opened it
        return now != self._shm_inode

    def _shm_now(self) -> int:
        """Return the inode of the index of the write-ahead log, 0 if there is none."""
        try:
            return Path(f"{self._path}-shm").stat().st_ino
        except OSError:
            return 0


class _Connection(sqlite3.Connection):
    """A connection that keeps ``_open_files`` true."""

    _file: tuple[int, int] | None = None

    def note(self, file: tuple[int, int]) -> None:
        """Note the device and the inode of the file."""
        self._file = file
        _open_files[file] += 1

    def close(self) -> None:
        super().close()
        if self._file is not None:
            _open_files[self._file] -= 1
            if not _open_files[self._file]:
                del _open_files[self._file]
            self._file = None


def connect(path: Path, *, immutable: bool = False) -> _Connection:
    """Open a database of OpenCode's for reading. Text comes as bytes: one bad byte must not fail a whole query.

    Raises ``sqlite3.Error``. ``immutable`` is for a file that nobody writes while it is read.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return _connect(f"{uri}&immutable=1" if immutable else uri)


def _is_being_made(path: Path, status: os.stat_result, now_ms: int) -> bool:
    if now_ms - status.st_mtime_ns // 1_000_000 > _BEING_MADE_MS:
        return False
    try:
        with path.open("rb") as file:
            return _MADE_WITHOUT_WAL.fullmatch(file.read(20)) is not None
    except OSError:
        return False


def _must_be_immutable(path: Path, status: os.stat_result) -> bool:
    """Return True if we must not make the two side files of a WAL here.

    They could not be made, or they would belong to us in another user's folder, and that user's OpenCode could not
    write any more. Only without a WAL is the database whole in its file. Root's side files get the database's owner.
    """
    wal = Path(f"{path}-wal")
    if os.path.exists(wal) and os.path.getsize(wal):  # noqa: PTH110, PTH202 - do not raise where Path's do
        return False
    # Root may write anywhere, and SQLite gives root's side files to the owner of the database.
    foreign = hasattr(os, "geteuid") and os.geteuid() not in (0, status.st_uid)
    return foreign or not os.access(path.parent, os.W_OK)


def _connect(uri: str) -> _Connection:
    connection = sqlite3.connect(
        uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=_Connection
    )
    try:
        connection.text_factory = bytes
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _problem(error: sqlite3.Error, place: str) -> Problem:
    """Return what SQLite's error means for a person."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    kind = {
        sqlite3.SQLITE_BUSY: ProblemKind.LOCKED,
        sqlite3.SQLITE_LOCKED: ProblemKind.LOCKED,
        sqlite3.SQLITE_CORRUPT: ProblemKind.DAMAGED,
        sqlite3.SQLITE_NOTADB: ProblemKind.DAMAGED,
        sqlite3.SQLITE_IOERR: ProblemKind.DAMAGED,
        sqlite3.SQLITE_CANTOPEN: ProblemKind.NO_ACCESS,
        sqlite3.SQLITE_PERM: ProblemKind.NO_ACCESS,
        sqlite3.SQLITE_AUTH: ProblemKind.NO_ACCESS,
    }.get(primary or -1, ProblemKind.NO_ACCESS if primary is None else ProblemKind.DAMAGED)
    return Problem(kind, place, str(error))
