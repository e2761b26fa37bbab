"""The ledger's file: opened to write, examined, and moved aside if it cannot be used."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from otel_agent.errors import LedgerDamaged, LedgerError, LedgerNewer
from otel_agent.ledger import place, schema, soundness
from otel_agent.ledger.connection import LeftHalfway, connect_to_idle, connect_to_read, connect_to_write
from otel_agent.ledger.migration_progress import OnMigration, unreported
from otel_agent.private_files import replace_private

_STEPS: Final = 100_000
"""SQLite's steps between two questions whether to give up, which take about a millisecond."""


def open_writable(path: Path, *, thorough: bool = True, on_migration: OnMigration = unreported) -> sqlite3.Connection:
    """Open or create the ledger for its one writer, which must have the ``Hold``.

    Raises ``LedgerNewer`` and ``LedgerDamaged``. The file then stays as it is; only a write that was never finished is
    undone.
    """
    if not place.exists(path):
        _create(path)
    place.refuse_unwritable(path)
    try:
        _check(path, thorough=thorough)
    except LeftHalfway:
        _undo(path)
        _check(path, thorough=thorough)
    database = connect_to_write(path)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        # NORMAL: a power cut may lose the last transactions, each of them whole; their messages are read again. FULL
        # takes 12 ms for each message of a running agent instead of 0.6 ms, and 0.5 ms more CPU time. For a first look
        # of 20,000 messages it makes no difference. What is sent is on the disk before, whatever this says: that takes
        # 24 ms for each export with something new, see ``Continuity.after_commit``.
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


def checkpoint(database: sqlite3.Connection) -> None:
    """Move what is in the write-ahead log into the database itself, as far as readers allow, and wait for the disk."""
    database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def find_damage(path: Path, give_up: Callable[[], bool] | None = None) -> str:
    """Read every page and row, beside the writer; return what is wrong, empty if nothing is. Raises ``LedgerError``.

    ``give_up`` is asked again and again; when it returns true, the reading ends with ``LedgerError``.
    """
    with closing(connect_to_read(path)) as database:
        if give_up is not None:
            database.set_progress_handler(give_up, _STEPS)
        result = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
        if result != "ok":
            return " ".join(result.split())
        if schema.version(database) != schema.VERSION:
            return ""
        return soundness.missing_part(database) or soundness.unsound_row(database)


def move_aside(path: Path, why: str = "damaged") -> Path:
    """Move a ledger and its WAL to a name of their own in the same folder; return the new path. Raises ``LedgerError``."""
    aside = path.with_name(f"{path.name}.{why}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    try:
        # The WAL goes along: it may hold the last transactions, and SQLite would apply it to the new ledger.
        for ending in ("", *place.BESIDE):
            source = Path(f"{path}{ending}")
            if source.exists():
                source.rename(f"{aside}{ending}")
    except OSError as error:
        raise LedgerError(f"cannot move {path} aside: {error.strerror}. Make its folder writable.") from None
    return aside


def _create(path: Path) -> None:
    """Make an empty database for its owner only."""
    # A rename, because no descriptor of the database may be closed in a process that may have it open.
    try:
        replace_private(path, b"")
    except OSError as error:
        raise place.cannot_be_written(path.parent, error) from None


def _check(path: Path, *, thorough: bool) -> None:
    """Raise if this is not a ledger of ours or, if ``thorough``, if a page is damaged."""
    if not Path(f"{path}-wal").exists():
        # Nobody has it open. An ordinary reader would leave files beside a ledger that a newer otel-agent wrote.
        with closing(connect_to_idle(path)) as database:
            _examine(database, path, thorough=False)
    # Read-only: the last connection that can write moves the WAL into the file when it closes. A file that cannot be
    # used has to stay as it is.
    with closing(connect_to_read(path)) as database:
        _examine(database, path, thorough=thorough)


def _undo(path: Path) -> None:
    """Let SQLite undo what a killed process left halfway."""
    # SQLite does so before a connection that can write reads anything. A WAL needs no undoing; but the write that turns
    # a new file into one with a WAL is in a rollback journal.
    with closing(connect_to_write(path)) as database:
        schema.version(database)


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
