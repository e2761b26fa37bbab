"""From settings to the half of the agent that reads and counts. It needs no OpenTelemetry SDK, so that a summary
opens at once."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from otel_agent.ledger.writer import Ledger, open_ledger
from otel_agent.opencode.locations import find_stores, locations
from otel_agent.pipeline.ingest import Ingest, Pass, Rules
from otel_agent.settings import Settings
from otel_agent.signals import identity


@contextmanager
def opened(settings: Settings, *, now_ns: Callable[[], int] = time.time_ns) -> Iterator[tuple[Ledger, Ingest]]:
    """The ledger and what fills it; closed in reverse.

    Raises ``LedgerError`` where the ledger cannot be written, ``LedgerHeld`` where another agent writes it.
    """
    ledger = open_ledger(settings.state_dir, now_ns=now_ns(), backfill_from_ms=_backfill_from_ms(settings, now_ns()))
    try:
        ledger.adopt(identity.instance_id(ledger.id))
        places = locations(os.environ, settings.data_dirs)
        ingest = Ingest(ledger, lambda: find_stores(places), _rules(settings), now_ns=now_ns)
        try:
            yield ledger, ingest
        finally:
            ingest.close()
    finally:
        ledger.close()


def catch_up(settings: Settings) -> Pass:
    """Bring the ledger up to date and deliver nothing: what is owed stays owed."""
    with opened(settings) as (_, ingest):
        return ingest.run(sweep=True)


def looked_in(settings: Settings) -> list[Path]:
    """Where OpenCode's data would be."""
    places = locations(os.environ, settings.data_dirs)
    return [*places.folders, *places.databases]


def _backfill_from_ms(settings: Settings, now_ns: int) -> int:
    seconds = settings.backfill_seconds
    return 0 if seconds is None else now_ns // 1_000_000 - seconds * 1_000


def _rules(settings: Settings) -> Rules:
    return Rules(
        disjoint=settings.accounting == "disjoint",
        session_window_ms=round(settings.session_window_hours * 3_600_000),
        max_series=settings.max_series,
        killed_grace_ms=settings.killed_grace_seconds * 1_000,
    )
