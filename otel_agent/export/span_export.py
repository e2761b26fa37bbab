"""Exports the pending spans, oldest first, until the backend has accepted each."""

import logging
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.delivery.ports import NOTHING_SENT, SpanDelivery
from otel_agent.export.generator import Export, Requests, attempt, drive
from otel_agent.export.halving import Halving
from otel_agent.export.outcomes import Outcomes
from otel_agent.export.send_summary import SendSummary
from otel_agent.ledger.outbox import PendingSpans
from otel_agent.ledger.writer import Ledger
from otel_agent.model import SendResult
from otel_agent.model.plural import counted
from otel_agent.opencode.git.checkouts import Checkouts
from otel_agent.otlp.resource import Emitter
from otel_agent.otlp.spans import Tracer
from otel_agent.semconv.attributes import Attr

log = logging.getLogger(__name__)

SPANS_PER_REQUEST: Final = 400
"""This is about 0.4 MB, or 0.8 MB as JSON. gRPC servers accept 4 MiB by default, and a line in a file may have 1 MB."""
_PROBES: Final = 64
"""Entries from the end of the outbox that may be sent alone, to see whether the endpoint accepts any."""


class SpanExport:
    """Belongs to the thread that owns the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        delivery: SpanDelivery | None,
        outcomes: Outcomes,
        *,
        emitter: Emitter,
        titles: bool,
        cache_write: tuple[str, ...] = (Attr.USAGE_CACHE_WRITE,),
        now_ns: Callable[[], int] = time.time_ns,
        checkouts: Checkouts | None = None,
    ) -> None:
        """``delivery`` is ``None`` for the exporter ``none``. ``titles`` puts session titles, which quote prompts, on
        spans, and ``checkouts`` the repository and the branch."""
        self._ledger, self._delivery, self._outcomes = ledger, delivery, outcomes
        self._tracer = Tracer(emitter, titles, cache_write, now_ns, checkouts)
        self._suspicions = 0
        """Exports in a row that ended because the endpoint was at fault."""
        self._suspected: set[Hashable] = set()
        """What was rejected alone in these exports: as a probe it says less than anything else."""

    @property
    def pending(self) -> int:
        """The number of spans that the backend has not accepted, quarantined ones included."""
        return len(self._ledger.outbox)

    def send(self) -> SendSummary:
        """Send pending spans in this thread, as ``export`` does."""
        return drive(self.export(), self.request)

    def request(self, spans: Sequence[ReadableSpan]) -> SendResult:
        """Send one request. May be called from any thread, but from one at a time."""
        return NOTHING_SENT if self._delivery is None else attempt(self._delivery.send, spans)

    def export(self) -> Export[Sequence[ReadableSpan]]:
        """Yield requests until no span is pending or the backend accepts no more.

        A span leaves the outbox after the backend accepted it. If the agent is killed in between, the span is sent
        again with the same ids.
        """
        if self._delivery is None:
            self._discard_pending()
            return SendSummary()
        run = self._run()
        summary = yield from self._send_pending(run)
        # The spans are at fault only if the backend accepted others.
        suspect = run.suspects_endpoint or bool(run.at_fault and not (summary.accepted or summary.rejected))
        self._judge_quarantined(run, endpoint_at_fault=suspect)
        if suspect and not summary.reason:
            summary += SendSummary.of_failure(run.at_fault[-1][1])
        self._suspicions = self._suspicions + 1 if suspect else 0
        if summary.accepted or summary.rejected or summary.reason:
            self._outcomes.note("traces", summary, new=True)
        return summary

    def close(self) -> None:
        """Break off the request under way. May be called from any thread; nothing is sent afterwards."""
        if self._delivery is not None:
            self._delivery.close()

    def _run(self) -> "Run":
        return Halving(
            self._request,
            key=_key,
            on_accepted=self._mark_accepted,
            on_rejected_alone=self._quarantine,
            probes=self._probes,
        )

    def _send_pending(self, run: "Run") -> Export[Sequence[ReadableSpan]]:
        summary = SendSummary()
        if self._suspicions and self._ledger.outbox.oldest(1):
            # An endpoint that rejects everything costs one request, and not fifty each time.
            summary = yield from run.probe(1)
        while not summary.reason:
            pending = self._ledger.outbox.oldest(SPANS_PER_REQUEST)
            if not pending:
                break
            summary += yield from run.send(of_one_request(pending))
        return summary

    def _probes(self) -> Sequence[PendingSpans]:
        """Return entries to send alone: after a first suspicion the oldest, which keeps the order, then from the other end.

        After further ones those come first that were not rejected yet: the others may be at fault themselves.
        """
        found = self._ledger.outbox.newest(_PROBES)
        first = self._suspicions % len(found) if found else 0
        if self._suspicions == 1:
            return [*self._ledger.outbox.oldest(1), *found[first:], *found[:first]]
        return sorted([*found[first:], *found[:first]], key=lambda entry: _key(entry) in self._suspected)

    def _request(self, entries: Sequence[PendingSpans]) -> Requests[Sequence[ReadableSpan], SendResult]:
        """Send the spans of these entries. Only a single message with very many tool calls takes several requests."""
        spans = [span for entry in entries for span in self._spans_of(entry)]
        rejected, reason = 0, ""
        for start in range(0, len(spans), SPANS_PER_REQUEST):
            result = yield spans[start : start + SPANS_PER_REQUEST]
            self._outcomes.count_request("traces", result)
            if not result.accepted:
                # The message stays pending as a whole. What was accepted of it comes again with the same ids.
                return result
            rejected, reason = rejected + result.rejected, reason or result.reason
        return SendResult(accepted=True, rejected=rejected, reason=reason)

    def _spans_of(self, entry: PendingSpans) -> Iterator[ReadableSpan]:
        if entry.of_turn:
            yield self._tracer.turn_span(entry.message, entry.session, entry.turn)
        else:
            yield from self._tracer.message_spans(
                entry.message, entry.session, entry.turn, entry.calls, compacted=entry.compacted
            )

    def _mark_accepted(self, entries: Sequence[PendingSpans], result: SendResult) -> SendSummary:
        with self._ledger.transaction():
            self._ledger.outbox.mark_accepted(entries)
        return self._outcomes.summarize("traces", result, sum(entry.spans for entry in entries))

    def _quarantine(self, entry: PendingSpans) -> None:
        # At once, and not at the end of the run: else the next read of the outbox would bring it again.
        with self._ledger.transaction():
            self._ledger.outbox.quarantine(entry)

    def _judge_quarantined(self, run: "Run", *, endpoint_at_fault: bool) -> None:
        """Log which spans are at fault. If the endpoint is, the last ones in a row become pending again."""
        at_fault = run.at_fault
        if endpoint_at_fault:
            innocent = run.rejected_in_a_row
            self._suspected.update(map(_key, innocent))
            at_fault = at_fault[: len(at_fault) - len(innocent)]
            with self._ledger.transaction():
                self._ledger.outbox.release(innocent)
        else:
            self._suspected.clear()
        if at_fault:
            entry, result = at_fault[0]
            log.warning(
                "the backend rejected %s, the first of message %s (%s); quarantined until the next start",
                counted(len(at_fault), "span"),
                entry.message.id,
                result.reason,
            )

    def _discard_pending(self) -> None:
        """Forget what is pending: with the exporter ``none`` nothing is sent, and nothing is kept to be sent later."""
        if self._ledger.outbox.oldest(1):
            with self._ledger.transaction():
                self._ledger.outbox.clear()


Run = Halving[PendingSpans, Sequence[ReadableSpan]]


def _key(entry: PendingSpans) -> Hashable:
    return entry.of_turn, entry.number


def of_one_request(pending: Sequence[PendingSpans]) -> Sequence[PendingSpans]:
    """Return as many of the first entries as one request takes, and at least one."""
    spans = 0
    for number, entry in enumerate(pending):
        # A message is never split here: its spans are accepted together.
        spans += entry.spans
        if spans > SPANS_PER_REQUEST:
            return pending[: max(number, 1)]
    return pending
