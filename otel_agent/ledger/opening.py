"""Opens the ledger for its one writer: begins a new one, and moves a damaged one aside."""

import logging
from pathlib import Path

from otel_agent.errors import LedgerDamaged, LedgerMoved
from otel_agent.ledger import files
from otel_agent.ledger.hold import Hold
from otel_agent.ledger.migration_progress import OnMigration, unreported
from otel_agent.ledger.place import ledger_path
from otel_agent.ledger.writer import Ledger

log = logging.getLogger(__name__)


def open_ledger(
    state_dir: Path,
    *,
    now_ns: int,
    backfill_from_ms: int,
    patience_seconds: float = 0.0,
    thorough: bool = True,
    on_migration: OnMigration = unreported,
) -> Ledger:
    """Open the ledger in ``state_dir`` for writing, or begin one.

    ``patience_seconds`` is how long to wait for another process that has it, such as a summary that brings it up to
    date. ``thorough`` reads every page of it, which takes tens of milliseconds per hundred thousand messages.
    Otherwise damage is noticed when a damaged page is read. ``on_migration`` is called while a ledger of an older version
    is brought up to this one.

    A damaged ledger is moved aside, the log says so, and a new one begins with what OpenCode still has.
    Raises ``LedgerHeld``, ``LedgerNewer``, and ``LedgerError`` if the folder cannot be used.
    """
    hold = Hold(state_dir, patience_seconds)
    path = ledger_path(state_dir)

    def opened() -> Ledger:
        database = files.open_writable(path, thorough=thorough, on_migration=on_migration)
        try:
            ledger = Ledger(hold, database, path)
            ledger.begin(now_ns, backfill_from_ms)
            ledger.put_times_right(now_ns=now_ns, backfill_from_ms=backfill_from_ms)
            # A start is the moment to try rejected spans again: the backend or its settings may have changed.
            ledger.outbox.release_quarantined()
        except BaseException:
            database.close()
            raise
        return ledger

    try:
        try:
            ledger = opened()
        except LedgerMoved:
            raise
        except LedgerDamaged as damage:
            # Nothing is lost for good: OpenCode's storage is counted again, from what the backend has.
            aside = files.move_aside(path)
            log.error("%s; kept as %s; counting again from what OpenCode has on disk", damage, aside.name)
            ledger = opened()
    except BaseException:
        hold.release()
        raise
    return ledger
