"""What a log of months has to say: that something began to fail, that it works again, and how much was counted."""

import logging
from collections.abc import Callable
from typing import Final

from otel_agent.agent import assemble
from otel_agent.errors import LedgerError
from otel_agent.export.dispatch import SendSummary
from otel_agent.semconv import Signal
from otel_agent.settings import Settings

log = logging.getLogger(__name__)

_COUNTED_SECONDS: Final = 60.0
"""Between two lines that say how many messages were counted."""


class StateLog:
    """Says when something begins to fail, and when it works again: each once."""

    def __init__(self, settings: Settings, now: Callable[[], float]) -> None:
        self._settings, self._now = settings, now
        self._failing: set[Signal] = set()
        self._ledger_fails = False
        self._counted = 0
        self._say_counted_at = 0.0

    def of_counted(self, messages: int) -> None:
        """At once where nothing was said for a minute, else what came together since."""
        self._counted += messages
        if self._counted and self._now() >= self._say_counted_at:
            log.info("counted %d new messages", self._counted)
            self._counted, self._say_counted_at = 0, self._now() + _COUNTED_SECONDS

    def of_delivery(self, signal: Signal, sent: SendSummary, owed: Callable[[], int]) -> None:
        if sent.reason:
            if not self._failing:
                log.warning("%s", assemble.not_taken(self._settings, signal, sent.reason, owed()))
            self._failing.add(signal)
        elif sent.accepted and signal in self._failing:
            self._failing.remove(signal)
            if not self._failing:
                log.info("the backend takes what is sent again; %d spans owed", owed())

    def of_ledger(self, trouble: LedgerError | None) -> None:
        if trouble is not None and not self._ledger_fails:
            log.error("%s; nothing is lost, it is tried again", trouble)
        if trouble is None and self._ledger_fails:
            log.info("the ledger can be written again")
        self._ledger_fails = trouble is not None
