"""The few lines in the log of an agent that runs for months: what fails, what works again, how much was counted."""

import logging
from collections.abc import Callable, Collection
from typing import Final

from msgspec import Struct

from otel_agent.agent.backend import address_of, not_delivered
from otel_agent.errors import LedgerError
from otel_agent.export.send_summary import SendSummary
from otel_agent.intake.ingest import Pass
from otel_agent.model import Store
from otel_agent.model.plural import counted
from otel_agent.opencode.locations import StoreLocations
from otel_agent.semconv import Signal
from otel_agent.settings import Settings

log = logging.getLogger(__name__)

_COUNTED_SECONDS: Final = 60.0
"""Shortest time between two lines that say how many messages were counted."""


def log_first_pass(read: Pass, stores: Collection[Store], looked_in: StoreLocations) -> None:
    """Log what the first pass counted in which stores, or, if there is no OpenCode data yet, where it looked."""
    if stores:
        names = ", ".join(store.name for store in stores)
        log.info("counted %s in %s: %s", counted(read.messages, "message"), counted(read.stores, "store"), names)
        return
    paths = ", ".join(str(path) for path in looked_in.paths)
    log.warning(
        "no OpenCode data yet. Looked in: %s. If it is elsewhere, set XDG_DATA_HOME or OTEL_AGENT_DATA_DIRS", paths
    )


class _Failure(Struct, frozen=True):
    """The failure of one signal, as it began."""

    address: str
    reason: str
    asked_to_wait: bool
    """The backend asked for time. It holds for both signals, and each says how long."""

    def is_said_by(self, other: "_Failure") -> bool:
        """True if the line about the other signal says this too: usually one backend is down for both."""
        same = self.reason == other.reason or self.asked_to_wait or other.asked_to_wait
        return self.address == other.address and same


class StateLog:
    """Logs when something begins to fail and when it works again, each once."""

    def __init__(self, settings: Settings, now: Callable[[], float], pending: Callable[[], int]) -> None:
        """``now`` is in seconds, from any fixed moment on. ``pending`` returns the number of spans that wait."""
        self._settings, self._now, self._pending = settings, now, pending
        self._failing: dict[Signal, _Failure] = {}
        self._ledger_fails = False
        self._counted = 0
        self._log_counted_at = 0.0

    def log_counted(self, messages: int) -> None:
        """Log the messages that were counted: at once, or added up if a line was written less than a minute ago."""
        self._counted += messages
        if self._counted and self._now() >= self._log_counted_at:
            log.info("counted %s", counted(self._counted, "new message"))
            self._counted, self._log_counted_at = 0, self._now() + _COUNTED_SECONDS

    def log_delivery(self, signal: Signal, sent: SendSummary) -> None:
        """Log that the backend stopped accepting data, or accepts it again.

        Single items that it rejects are named by the exports, and are no failure of the backend.
        """
        if sent.broken_off and signal not in self._failing:
            failure = _Failure(address_of(self._settings, signal), sent.reason, bool(sent.retry_after_s))
            if not any(map(failure.is_said_by, self._failing.values())):
                log.warning("%s", not_delivered(self._settings, signal, sent.reason, self._pending()))
            self._failing[signal] = failure
        elif sent.accepted and not sent.broken_off and signal in self._failing:
            over = self._failing.pop(signal)
            if not any(map(over.is_said_by, self._failing.values())):
                what = f"{signal}" if self._failing else "data"
                log.info("the backend accepts %s again; %s pending", what, counted(self._pending(), "span"))

    def log_ledger_fails(self, failure: LedgerError) -> None:
        """Log once that the ledger cannot be written, and what waits as far as it can be read."""
        if not self._ledger_fails:
            log.error(
                "%s. New messages are counted once it can be written%s; nothing is lost, it will be tried again",
                failure,
                self._said_pending(),
            )
        self._ledger_fails = True

    def log_ledger_works(self) -> None:
        """Log that the ledger can be written again: call it only after something was written."""
        if self._ledger_fails:
            log.info("the ledger can be written again%s", self._said_pending())
        self._ledger_fails = False

    def _said_pending(self) -> str:
        """Return how many spans wait; empty if the ledger cannot even be read."""
        try:
            return f"; {counted(self._pending(), 'span')} pending"
        except LedgerError:
            return ""
