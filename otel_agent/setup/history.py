"""Counts the history before anybody decides about it, and leaves nothing behind."""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from otel_agent.errors import LedgerError
from otel_agent.intake.catch_up import opened
from otel_agent.intake.ingest import Pass
from otel_agent.ledger import place
from otel_agent.ledger.answers import Scope
from otel_agent.ledger.outbox import NewSpans
from otel_agent.ledger.queries import open_to_read
from otel_agent.settings import Settings
from otel_agent.summary.ranges import here

MOST_SECONDS: Final = 20.0
"""A longer history is not counted to its end: then it is "at least" so many."""


class History(Struct, frozen=True):
    """What OpenCode has stored on this machine."""

    messages: int
    days: int
    """Days on which a message ended, in this machine's time zone."""
    first_ms: int = 0
    last_ms: int = 0
    complete: bool = True
    """False if reading it all takes longer than anybody waits."""
    counted: bool = False
    """True if a ledger has it already, so that nothing is left to decide."""


def count_history(settings: Settings, on_progress: Callable[[Pass], None] | None = None) -> History:
    """Return the history: from the ledger, if there is one, else by counting it into a ledger that is thrown away.

    Raises ``LedgerError`` if neither is possible.
    """
    if place.exists(place.ledger_path(settings.state_dir)):
        return _of(settings.state_dir, complete=True, counted=True)
    try:
        with tempfile.TemporaryDirectory(prefix="otel-agent-setup-") as folder:
            scratch = structs.replace(settings, state_dir=Path(folder), backfill="all", exporter="none")
            give_up = time.monotonic() + MOST_SECONDS
            with opened(scratch, hurried=True) as parts:
                parts.ledger.outbox.new_spans = NewSpans.DROPPED
                parts.ingest.run(sweep=True, stopping=lambda: time.monotonic() > give_up, on_progress=on_progress)
                complete = time.monotonic() <= give_up
            return _of(Path(folder), complete=complete, counted=False)
    except OSError as error:
        raise LedgerError(f"the history cannot be counted: {error.strerror or error}.") from None


def _of(state_dir: Path, *, complete: bool, counted: bool) -> History:
    with open_to_read(state_dir) as ledger:
        if ledger is None:
            return History(0, 0)
        scope, ends = Scope(), ledger.first_and_last_ms(Scope())
        complete = complete and ledger.reading() is None
        if ends is None:
            return History(0, 0, complete=complete, counted=counted)
        days = {day_of(begin_ms) for begin_ms in ledger.by_slot(scope)}
        return History(ledger.usage(scope).messages, len(days), *ends, complete=complete, counted=counted)


def day_of(at_ms: int) -> str:
    """Return the day of a time in this machine's zone. A wrong clock wrote times that no calendar has."""
    try:
        return here(datetime.fromtimestamp(at_ms / 1000, UTC)).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "a time without a date"
