"""Opens the half of the agent that reads and counts. It needs no OpenTelemetry SDK, so that a summary opens at once."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from otel_agent import identity
from otel_agent.errors import LedgerDamaged
from otel_agent.intake.at_rest import SWEEP_MS, StoresBefore
from otel_agent.intake.calls_of_history import CallsOfHistory, OnCalls
from otel_agent.intake.ingest import Ingest, Pass, Rules
from otel_agent.intake.settled import run_settled
from otel_agent.intake.store_finder import StoreFinder
from otel_agent.ledger import calls_request
from otel_agent.ledger.migration_progress import OnMigration, unreported
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.outbox import NewSpans
from otel_agent.ledger.writer import Ledger
from otel_agent.model import ProblemKind
from otel_agent.settings import Settings
from otel_agent.settings.backend import keeps_everything_here, names_backend

_PATIENCE_SECONDS: Final = 2.0
"""A summary takes less time to bring a ledger up to date that is not far behind."""


class Intake(Struct):
    """The parts that read and count, while the ledger is open."""

    ledger: Ledger
    ingest: Ingest
    finder: StoreFinder
    state_dir: Path


def ignore(_: Intake) -> None:
    """Do nothing more with the parts."""


def calls_of_history(parts: Intake) -> CallsOfHistory:
    """Return a walk over the messages from before the ledger whose tool calls nobody read."""
    return CallsOfHistory(parts.ledger, lambda: parts.ingest.stores, lambda: time.time_ns() // 1_000_000)


def read_calls(parts: Intake, *, on_calls: OnCalls | None = None) -> None:
    """Read the tool calls of the history before the ledger, as far as nobody did so before."""
    calls_of_history(parts).run(on_calls=on_calls)
    calls_request.answered(parts.state_dir)


@contextmanager
def opened(
    settings: Settings,
    *,
    now_ns: Callable[[], int] = time.time_ns,
    hurried: bool = False,
    on_migration: OnMigration = unreported,
) -> Iterator["Intake"]:
    """Open the ledger and the parts that fill it; close them in reverse. ``hurried``: neither wait for the ledger nor look
    for damage first. ``on_migration`` is called while an older ledger is brought up to this version.

    Raises ``LedgerError`` if the ledger cannot be written, ``LedgerHeld`` if another agent writes it.
    """
    ledger = open_ledger(
        settings.state_dir,
        now_ns=now_ns(),
        backfill_from_ms=_backfill_from_ms(settings, now_ns()),
        patience_seconds=0.0 if hurried else _PATIENCE_SECONDS,
        thorough=not hurried,
        on_migration=on_migration,
    )
    try:
        ledger.adopt(identity.instance_id(ledger.id))
        finder = StoreFinder(settings, ledger)
        ingest = Ingest(ledger, finder.find, _rules(settings), now_ns=now_ns)
        try:
            yield Intake(ledger, ingest, finder, settings.state_dir)
        except Exception as error:
            ledger.blame(error)
            raise
        finally:
            ingest.close()
    finally:
        ledger.close()


def catch_up(
    settings: Settings,
    *,
    changed_paths: frozenset[str] | None = None,
    on_progress: Callable[[Pass], None] | None = None,
    on_migration: OnMigration = unreported,
    then: Callable[[Intake], None] = ignore,
) -> Pass:
    """Bring the ledger up to date and export nothing: pending spans stay pending, if anybody ever chose a backend.

    It reads what is new, and what was in flight or could not be read before. The sweep of each day finds a file of a
    JSON tree that was at rest and then rewritten in place. OpenCode does that to no completed message.
    With ``changed_paths`` it looks only at these folders and files of JSON trees. ``then`` gets the parts at the end,
    before they are closed.
    Raises ``LedgerHeld`` if an agent does this already, and other ``LedgerError``.
    """
    try:
        with opened(settings, hurried=True, on_migration=on_migration) as parts:
            # A store with unknown tables gets a chance each time: this version may be newer than the last one.
            due = abs(time.time_ns() // 1_000_000 - parts.ledger.swept_ms) > SWEEP_MS  # a clock can have been wrong
            sweep = due or parts.ledger.problems.has_kind(ProblemKind.UNKNOWN_SCHEMA)
            parts.ledger.outbox.new_spans = _new_spans(settings, parts.ledger)
            before = StoresBefore(settings, parts.finder.locations) if changed_paths is None else None
            read = run_settled(parts.ingest, sweep=sweep, changed_paths=changed_paths, on_progress=on_progress)
            _drop_spans(parts.ledger)
            then(parts)
            if before is not None and not read.settling:
                before.note(parts.ledger, parts.ingest)
            return read
    except LedgerDamaged as damage:
        raise LedgerDamaged(f"{damage}. `otel-agent run --once` sets it aside and counts again.") from None


def _new_spans(settings: Settings, ledger: Ledger) -> NewSpans:
    """Return what becomes of new spans: do they have to wait here for the next agent?"""
    if keeps_everything_here(settings):
        return NewSpans.DROPPED
    is_pending = names_backend(settings, os.environ) or ledger.outbox.has_backend
    return NewSpans.PENDING if is_pending else NewSpans.LEFT_OUT


def _drop_spans(ledger: Ledger) -> None:
    """Drop the spans that nobody waits for. An agent with a backend takes back what was left out."""
    if ledger.outbox.new_spans is NewSpans.PENDING:
        return
    for_ever = ledger.outbox.new_spans is NewSpans.DROPPED
    last = ledger.messages.last_number()
    noted = for_ever or ledger.outbox.left_out == last
    if noted and not len(ledger.outbox):
        return  # a look at a ledger without news writes nothing
    with ledger.transaction():
        if for_ever:
            ledger.outbox.clear()
        else:
            ledger.outbox.leave_out(last)


def _backfill_from_ms(settings: Settings, now_ns: int) -> int:
    seconds = settings.backfill_seconds
    return 0 if seconds is None else now_ns // 1_000_000 - seconds * 1_000


def _rules(settings: Settings) -> Rules:
    return Rules(
        disjoint=settings.accounting == "disjoint",
        session_window_ms=round(settings.session_window_hours * 3_600_000),
        max_series=settings.max_series,
        unattributed_usage=settings.unattributed_usage,
        killed_grace_ms=settings.killed_grace_seconds * 1_000,
        loop_repeats=settings.loop_repeats,
        loop_calls_per_minute=settings.loop_calls_per_minute,
        lead_ns=round(settings.metric_export_interval_seconds * 1_000_000_000),
    )
