"""Counts the results of requests as metrics, logs partial success, and notes the state in the ledger."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from otel_agent.export.send_summary import SendSummary
from otel_agent.ledger.delivery_state import REJECTS_ALL
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Observation, SendResult
from otel_agent.otlp.times import healed_start
from otel_agent.semconv import EXPORT_COUNT, REJECTED_COUNT, Signal
from otel_agent.semconv.attributes import Attr

log = logging.getLogger(__name__)

_QUIET_NS: Final = 3_600 * 10**9
"""Time between two lines of the log about one reason."""
_MOST_REASONS: Final = 100
"""A backend can name a value in each reason: no more of them are remembered."""
_ITEMS: Final[dict[Signal, str]] = {"metrics": "data points", "traces": "spans"}


class Outcomes:
    """Counts since the process began: keeping that in the ledger would write to the disk for each request."""

    def __init__(self, ledger: Ledger, now_ns: Callable[[], int]) -> None:
        """The counts begin now. ``now_ns`` is the wall clock."""
        self._ledger, self._now_ns = ledger, now_ns
        self._since_ns = now_ns()
        self._attempts: Counter[tuple[Signal, str]] = Counter()
        self._rejected: Counter[Signal] = Counter()
        self._why: dict[Signal, str] = {}
        """The backend's last reason to leave something out."""
        self._said: dict[tuple[Signal, str], int] = {}
        """When the log last named a reason."""

    def count_request(self, signal: Signal, result: SendResult) -> None:
        """Count one request by how it ended."""
        # These values are published as attributes. Dashboards filter by them, so they keep their old names.
        outcome = "taken" if result.accepted else "refused" if result.permanent else "failed"
        self._attempts[signal, outcome] += 1

    def summarize(self, signal: Signal, result: SendResult, sent: int) -> SendSummary:
        """Sum up accepted requests with ``sent`` items. Items that the backend left out are counted and logged."""
        rejected = min(result.rejected, sent)
        self._rejected[signal] += rejected
        if rejected:
            self._why[signal] = result.reason
            self._log_rejected(signal, result.reason, rejected, sent)
        return SendSummary(accepted=sent - rejected, rejected=rejected)

    def note(self, signal: Signal, summary: SendSummary, *, new: bool) -> None:
        """Note in the ledger how the delivery goes, for ``otel-agent status``.

        ``new`` says that something was sent that was not sent before: without it an agent at rest writes nothing.
        """
        now_ms, delivery_state, reason = self._now_ns() // 1_000_000, self._ledger.delivery_state, summary.reason
        if summary.rejects_all and not reason:
            reason = f"{REJECTS_ALL}: {self._why[signal]}"
        rejected = summary.rejected if new else 0
        news = delivery_state.should_note(signal, reason, new=new, now_ms=now_ms, partly=summary.partly)
        if not (rejected or news):
            return
        with self._ledger.transaction():
            if rejected:
                delivery_state.add_rejected(signal, rejected)
            if news:
                delivery_state.note_delivery(signal, reason, now_ms, partly=summary.partly)

    def observations(self) -> Iterator[Observation]:
        """Yield the requests by signal and outcome, and the rejected items by signal, as sums since the start."""
        self._since_ns = healed_start(self._since_ns, self._now_ns())
        for (signal, outcome), number in self._attempts.items():
            attributes = {Attr.SIGNAL: signal, Attr.EXPORT_OUTCOME: outcome}
            yield Observation(EXPORT_COUNT.name, number, attributes, self._since_ns)
        for signal in _ITEMS:
            yield Observation(REJECTED_COUNT.name, self._rejected[signal], {Attr.SIGNAL: signal}, self._since_ns)

    def _log_rejected(self, signal: Signal, reason: str, rejected: int, sent: int) -> None:
        """Log it at once, and the same reason at most once an hour: heartbeats are rejected again and again."""
        now_ns, before_ns = self._now_ns(), self._said.get((signal, reason))
        if before_ns is not None and 0 <= now_ns - before_ns < _QUIET_NS:
            return
        if len(self._said) >= _MOST_REASONS:
            self._said.clear()
        self._said[signal, reason] = now_ns
        log.warning(
            "the backend accepted a request without %d of its %d %s: %s", rejected, sent, _ITEMS[signal], reason
        )
