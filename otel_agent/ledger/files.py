"""The ledger's files: their places, the lock of the one writer, and the treatment of a file that cannot be used."""

import json
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout
from msgspec import Struct

from otel_agent.errors import LedgerDamaged, LedgerError, LedgerHeld, LedgerNewer
from otel_agent.ledger import schema
from otel_agent.ledger.migration_progress import OnMigration, unreported

NAME: Final = "ledger.db"
_LOCK: Final = "ledger.lock"
_HOLDER: Final = "holder.json"


def ledger_path(state_dir: Path) -> Path:
    """Return the path of the ledger's database."""
    return state_dir / NAME


class Holder(Struct, frozen=True):
    """The process that writes a ledger."""

    pid: int
    since: str
    """ISO 8601, UTC."""


class Hold:
    """The right to write a ledger. The operating system revokes it when the process ends, however it ends."""

    def __init__(self, state_dir: Path, patience_seconds: float = 0.0) -> None:
        """Raises ``LedgerHeld`` if another process has it, ``LedgerError`` if the folder cannot be used."""
        self._holder = state_dir / _HOLDER
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = FileLock(state_dir / _LOCK, mode=0o600)
            self._lock.acquire(timeout=patience_seconds)
            # Written after the lock was won, so that it names the process that has it.
            _write_private(self._holder, json.dumps({"pid": os.getpid(), "since": _now()}))
        except Timeout:
            raise LedgerHeld(_said_held(state_dir)) from None
        except OSError as error:
            raise LedgerError(
                f"cannot write to {state_dir}: {error.strerror}. Make it writable, or set OTEL_AGENT_STATE_DIR."
            ) from None

    def release(self) -> None:
        """Let other processes have the ledger."""
        self._holder.unlink(missing_ok=True)
        self._lock.release()


class _LeftHalfway(LedgerError):
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
            raise _ours(error) from error


def _ours(error: sqlite3.Error) -> LedgerError:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY_ROLLBACK:
        return _LeftHalfway("a process was killed in the middle of a write to the ledger. `otel-agent run` undoes it")
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return LedgerDamaged(f"the ledger is not readable: {error}")
    return LedgerError(f"cannot use the ledger: {error}. Check the disk and its permissions")


def open_writable(path: Path, *, thorough: bool = True, on_migration: OnMigration = unreported) -> sqlite3.Connection:
    """Open or create the ledger for its one writer, which must have the ``Hold``.

    Raises ``LedgerNewer`` and ``LedgerDamaged``. The file then stays as it is; only a write that was never finished is
    undone.
    """
    _write_private(path, None)
    try:
        _check(path, thorough=thorough)
    except _LeftHalfway:
        _undo(path)
        _check(path, thorough=thorough)
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10, factory=Connection)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        # NORMAL: a power cut may lose the last transactions, each of them whole; they are read and exported again.
        database.execute("PRAGMA synchronous = NORMAL")
        # Each minute an export sorts a megabyte or two: not worth a file on the disk.
        database.execute("PRAGMA temp_store = MEMORY")
        # The indexes and series of a long first look fit into 16 MB. With 2 MB it takes a tenth longer.
        database.execute("PRAGMA cache_size = -16000")
        database.execute("PRAGMA wal_autocheckpoint = 4000")
        schema.prepare(database, on_migration)
    except BaseException:
        database.close()
        raise
    return database


def _check(path: Path, *, thorough: bool) -> None:
    """Raise if this is not a ledger of ours or, if ``thorough``, if a page is damaged."""
    # Read-only: the last connection that can write moves the WAL into the file when it closes, and a file that
    # cannot be used has to stay as it is.
    with closing(connect_to_read(path)) as database:
        _examine(database, path, thorough=thorough)


def _undo(path: Path) -> None:
    """Let SQLite undo what a killed process left halfway."""
    # SQLite does so before a connection that can write reads anything. A WAL needs no undoing; but the write that turns
    # a new file into one with a WAL is in a rollback journal.
    with closing(sqlite3.connect(path, timeout=10, factory=Connection)) as database:
        schema.version(database)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open an existing ledger beside its writer. Raises ``LedgerError`` if it cannot be opened."""
    try:
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10, factory=Connection)
    except sqlite3.Error as error:
        raise _ours(error) from error


def _examine(database: sqlite3.Connection, path: Path, *, thorough: bool) -> None:
    found = schema.version(database)
    # The application id goes first: in another program's database the version means something else.
    if not schema.belongs_to_us(database):
        raise LedgerDamaged(f"{path} is a database, but not a ledger")
    if found > schema.VERSION:
        raise LedgerNewer(
            f"{path} was written by a newer otel-agent (its format is {found}, this one knows up to {schema.VERSION}). "
            "It was not touched. Upgrade otel-agent, or move the file away to count everything again from what is on disk."
        )
    if not thorough:
        return
    trouble = find_damage(path)
    if trouble:
        raise LedgerDamaged(f"{path} is damaged: {trouble}")


def find_damage(path: Path) -> str:
    """Read every page, beside the writer; return what is wrong, empty if nothing is. Raises ``LedgerError``."""
    with closing(connect_to_read(path)) as database:
        result = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    return "" if result == "ok" else " ".join(result.split())


def move_aside(path: Path) -> Path:
    """Move a damaged ledger and its WAL to a name of their own in the same folder; return the new path."""
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    # The WAL goes along: it may hold the last transactions, and SQLite would apply it to the new ledger.
    for ending in ("", "-wal", "-shm"):
        source = Path(f"{path}{ending}")
        if source.exists():
            source.rename(f"{aside}{ending}")
    return aside


def held_by(state_dir: Path) -> Holder | None:
    """Return the process that writes the ledger now, ``None`` if there is none."""
    # The lock alone decides whether there is one; the file beside it only says which.
    if not (state_dir / _LOCK).exists():
        return None
    lock = FileLock(state_dir / _LOCK, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _holder(state_dir) or Holder(0, "")
    except OSError:
        return None
    lock.release()
    return None


def _holder(state_dir: Path) -> Holder | None:
    try:
        found = json.loads((state_dir / _HOLDER).read_text())
        return Holder(int(found["pid"]), str(found["since"])[:32])
    except (OSError, ValueError, KeyError, TypeError):
        # Half written, or by another version: the lock still protects the ledger, only the name is missing.
        return None


def _said_held(state_dir: Path) -> str:
    holder = _holder(state_dir)
    who = "another process" if holder is None else f"process {holder.pid}, since {holder.since}"
    return (
        f"the ledger in {state_dir} is written by another otel-agent ({who}). Stop that one first, "
        "or set OTEL_AGENT_STATE_DIR to give this one a ledger of its own."
    )


def _write_private(path: Path, content: str | None) -> None:
    """Create the file for its owner only; replace its content unless ``content`` is ``None``."""
    flags = os.O_WRONLY | os.O_CREAT | (0 if content is None else os.O_TRUNC)
    with os.fdopen(os.open(path, flags, 0o600), "w") as file:
        if content is not None:
            file.write(content)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
