"""From settings to the half of the agent that reads and counts. It needs no OpenTelemetry SDK, so that a summary
opens at once."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from otel_agent import identity
from otel_agent.errors import LedgerDamaged
from otel_agent.intake.ingest import Ingest, Pass, Rules
from otel_agent.intake.store_finder import StoreFinder
from otel_agent.ledger.writer import Ledger, open_ledger
from otel_agent.model import ProblemKind
from otel_agent.settings import Settings

_SWEEP_MS: Final = 86_400_000
"""A summary looks at everything there is once a day; at 100,000 messages that is a second instead of a tenth."""
_PATIENCE_SECONDS: Final = 2.0
"""Longer than a summary takes to bring a ledger up to date that is not far behind."""


class Intake(Struct):
    """The parts that read and count."""

    ledger: Ledger
    ingest: Ingest
    finder: StoreFinder


@contextmanager
def opened(
    settings: Settings, *, now_ns: Callable[[], int] = time.time_ns, hurried: bool = False
) -> Iterator["Intake"]:
    """Open the ledger and what fills it; close them in reverse. ``hurried``: neither wait for it nor look for damage first.

    Raises ``LedgerError`` where the ledger cannot be written, ``LedgerHeld`` where another agent writes it.
    """
    ledger = open_ledger(
        settings.state_dir,
        now_ns=now_ns(),
        backfill_from_ms=_backfill_from_ms(settings, now_ns()),
        patience_seconds=0.0 if hurried else _PATIENCE_SECONDS,
        thorough=not hurried,
    )
    try:
        ledger.adopt(identity.instance_id(ledger.id))
        finder = StoreFinder(settings, ledger)
        ingest = Ingest(ledger, finder.find, _rules(settings), now_ns=now_ns)
        try:
            yield Intake(ledger, ingest, finder)
        finally:
            ingest.close()
    finally:
        ledger.close()


def catch_up(settings: Settings, *, on_progress: Callable[[Pass], None] | None = None) -> Pass:
    """Bring the ledger up to date and deliver nothing: what is owed stays owed.

    Sees what is new, and what was in flight or in disorder before. A file of a JSON tree that was at rest and was then
    written anew in place, which OpenCode does to no completed message, is seen by the sweep of each day.
    Raises ``LedgerHeld`` where an agent does this already, and other ``LedgerError``.
    """
    try:
        with opened(settings, hurried=True) as parts:
            due = abs(time.time_ns() // 1_000_000 - parts.ledger.swept_ms) > _SWEEP_MS  # a clock can have been wrong
            sweep = due or parts.ledger.problems.has_kind(ProblemKind.UNKNOWN_SCHEMA)
            return parts.ingest.run(sweep=sweep, on_progress=on_progress)
    except LedgerDamaged as damage:
        raise LedgerDamaged(f"{damage}. `otel-agent run --once` sets it aside and counts again.") from None


def _backfill_from_ms(settings: Settings, now_ns: int) -> int:
    seconds = settings.backfill_seconds
    return 0 if seconds is None else now_ns // 1_000_000 - seconds * 1_000


def _rules(settings: Settings) -> Rules:
    return Rules(
        disjoint=settings.accounting == "disjoint",
        session_window_ms=round(settings.session_window_hours * 3_600_000),
        max_series=settings.max_series,
        killed_grace_ms=settings.killed_grace_seconds * 1_000,
        lead_ns=round(settings.metric_export_interval_seconds * 1_000_000_000),
    )
