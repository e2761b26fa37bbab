"""The points at which a round can fail: each SQL statement, each file that is opened, made or removed, each request.

They are numbered in their order, so a fault can be set for the first, the second, and so on. A kill leaves a copy of the
state folder as a killed process would leave it. From then on nothing in this process may touch anything.
"""

from __future__ import annotations

import errno
import functools
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["kill", "torn", "full", "io", "full-on"]
"""Die before the point; die within the commit at the point; no space there; an I/O error there; no space from there on."""
KINDS: tuple[Kind, ...] = ("kill", "torn", "full", "io", "full-on")
_FILE_EVENTS = {"open", "os.mkdir", "os.remove", "os.rename", "os.listdir", "os.scandir", "os.truncate", "os.link"}
_MAKES = os.O_CREAT | os.O_WRONLY | os.O_RDWR
_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "COMMIT", "CREATE", "ALTER", "DROP", "PRAGMA journal_mode")


class Killed(BaseException):
    """The simulated process is dead. Nothing may catch it."""


@dataclass(slots=True)
class Faults:
    """Counts the points of a round, and fails at the one that was set."""

    folder: Path
    """Files in this folder are points, and databases in it."""
    state: Callable[[], Path] = Path
    """Returns the state folder of now."""
    spared: str = ""
    """Files whose path has this are no points."""
    count: int = 0
    at: int = 0
    """The number of the point that fails; 0 for none."""
    kind: Kind = "kill"
    dead: bool = False
    left: Path | None = None
    """The state folder that the kill left behind."""
    names: list[str] = field(default_factory=list)
    hits: list[str] = field(default_factory=list)
    """What was made to fail."""
    _inside: bool = False
    _copies: int = 0

    def arm(self, kind: Kind, at: int) -> None:
        """Fail at the point with this number, counted from now on."""
        self.kind, self.at, self.count = kind, at, 0
        self.names.clear()

    def disarm(self) -> None:
        """Let everything succeed again."""
        self.at, self.dead = 0, False

    def file(self, what: str, *, writes: bool) -> None:
        """A file is about to be used. Raises ``OSError``."""
        if (kind := self._reached(what, writes=writes)) is not None:
            number = errno.EIO if kind == "io" else errno.ENOSPC
            raise OSError(number, os.strerror(number))

    def opening(self) -> None:
        """A database is about to be opened. Raises ``sqlite3.OperationalError``."""
        if self._reached("file: sqlite3.connect") is not None:
            raise _sqlite_error("unable to open database file", sqlite3.SQLITE_CANTOPEN)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let something happen that is none of the agent's: it has no points."""
        before, self._inside = self._inside, True
        try:
            yield
        finally:
            self._inside = before

    def statement(self, connection: sqlite3.Connection, sql: str) -> None:
        """A statement is about to be executed. Raises ``sqlite3.OperationalError``."""
        words = " ".join(sql.split())
        if words.startswith("ROLLBACK"):
            # SQLite undoes a transaction without any room; only a kill comes in between.
            if self.dead:
                raise Killed
            return
        kind = self._reached(f"sql: {words[:60]}", writes=words.startswith(_WRITES))
        if kind is None:
            return
        if kind != "io" and connection.in_transaction:
            sqlite3.Connection.execute(connection, "ROLLBACK")  # a full disk does that by itself
        if kind == "io":
            raise _sqlite_error("disk I/O error", sqlite3.SQLITE_IOERR)
        raise _sqlite_error("database or disk is full", sqlite3.SQLITE_FULL)

    def request(self, what: str) -> None:
        """A request is about to leave, or its answer has come: the process may die here."""
        self._reached(what, can_fail=False)

    @contextmanager
    def committing(self, sql: str) -> Iterator[None]:
        """Die within a commit, if that was set: only a part of what it wrote is on the disk."""
        torn = sql == "COMMIT" and self.kind == "torn" and self.at == self.count and not self.dead
        wal = self.state() / "ledger.db-wal"
        before = wal.stat().st_size if torn and wal.exists() else 0
        yield
        if torn and wal.exists():
            after = wal.stat().st_size
            self._die(f"within {sql}", cut_wal_to=before + max(after - before, 0) // 2 if after > before else None)

    def _reached(self, name: str, *, writes: bool = True, can_fail: bool = True) -> Kind | None:
        """Count the point. Return how it fails, ``None`` if it does not."""
        if self._inside:
            return None
        if self.dead:
            raise Killed
        self.count += 1
        self.names.append(name)
        if not self.at:
            return None
        if self.count == self.at and self.kind == "kill":
            self._die(name)
        fails = self.count == self.at or (self.kind == "full-on" and self.count > self.at)
        if not (fails and can_fail) or self.kind in ("kill", "torn") or not (writes or self.kind == "io"):
            return None
        self.hits.append(f"{self.kind} at {self.count} {name}")
        return self.kind

    def _die(self, name: str, *, cut_wal_to: int | None = None) -> None:
        self.hits.append(f"killed at {self.count} {name}")
        self._copies += 1
        with self.aside():
            self.left = self.folder / f"state-{self._copies}"
            shutil.rmtree(self.left, ignore_errors=True)
            shutil.copytree(self.state(), self.left, ignore=shutil.ignore_patterns("*-shm"))
            if cut_wal_to is not None:
                os.truncate(self.left / "ledger.db-wal", cut_wal_to)
        self.dead = True
        raise Killed


def _sqlite_error(text: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


_active: list[Faults] = []
_hooked: list[bool] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _active or event not in _FILE_EVENTS:
        return
    path = arguments[0]
    if not isinstance(path, (str, bytes, os.PathLike)):
        return
    name, faults = os.fsdecode(path), _active[-1]
    if name.startswith(str(faults.folder)) and not (faults.spared and faults.spared in name):
        # Only what makes or lengthens a file needs room on the disk.
        writes = event in ("os.mkdir", "os.rename") or (event == "open" and bool(int(arguments[2] or 0) & _MAKES))
        faults.file(f"file: {event} {Path(name).name}", writes=writes)


@functools.cache
def _with_faults(factory: type[sqlite3.Connection]) -> type[sqlite3.Connection]:
    """Return a class of connections like ``factory`` whose statements are points."""

    class Failing(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            with _points(self, sql):
                return super().execute(sql, parameters)

        def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
            with _points(self, sql):
                return super().executemany(sql, parameters)

    # The real factory comes first and calls ours, so that it translates our errors as it translates SQLite's.
    bases = (Failing,) if factory is sqlite3.Connection else (factory, Failing)
    return type(factory.__name__, bases, {})


@contextmanager
def _points(connection: sqlite3.Connection, sql: str) -> Iterator[None]:
    if not _active:
        yield
        return
    _active[-1].statement(connection, sql)
    with _active[-1].committing(sql):
        yield


@contextmanager
def hooked(faults: Faults) -> Iterator[list[sqlite3.Connection]]:
    """Make the points of this process fail as ``faults`` says. Yield the list of the connections that were opened."""
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def connected(database: Any, *arguments: Any, **options: Any) -> sqlite3.Connection:
        if str(faults.folder) not in os.fsdecode(database):
            elsewhere: sqlite3.Connection = connect(database, *arguments, **options)
            return elsewhere
        faults.opening()
        options["factory"] = _with_faults(options.get("factory", sqlite3.Connection))
        opened.append(connect(database, *arguments, **options))
        return opened[-1]

    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_audit)
    sqlite3.connect = connected  # type: ignore[assignment]
    _active.append(faults)
    try:
        yield opened
    finally:
        _active.pop()
        sqlite3.connect = connect
