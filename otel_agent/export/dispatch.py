"""Ledger -> backend: spans until each was taken, totals as they stand."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_agent.delivery.ports import MetricDelivery, SpanDelivery
from otel_agent.export.metric_schedule import Gained, MetricSchedule, ScheduledPoint
from otel_agent.ledger.outbox import PendingSpans
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Observation, SendResult, Series
from otel_agent.otlp import metrics
from otel_agent.otlp.spans import Tracer
from otel_agent.semconv import EXPORT_COUNT, REJECTED_COUNT, Attr

log = logging.getLogger(__name__)

_SPANS_PER_REQUEST: Final = 400
"""About 0.4 MB, or 0.8 MB as JSON: below the 4 MiB that gRPC servers accept by default, and the 1 MiB of a line."""
_GIVE_UP: Final = 20
"""Spans or points refused one after the other, and none taken: then it is not these, it is the address."""
_UNSAID: Final = "it was not taken"
"""The reason where an exporter gives none: it makes no request any more once it was closed."""


class Identity(Struct, frozen=True):
    """Who is speaking."""

    resource: Resource
    scope: InstrumentationScope


class SendSummary(Struct):
    """What came of sending: how much was taken, and why not all of it where that is so."""

    accepted: int = 0
    rejected: int = 0
    reason: str = ""


class Dispatch:
    """Owned by the thread that owns the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        spans: SpanDelivery | None,
        totals: MetricDelivery | None,
        identity: Identity,
        *,
        schedule: MetricSchedule,
        observe: Callable[[], Sequence[Observation]] = list,
        cycle_ns: int = 60 * 10**9,
        delta: bool = False,
        titles: bool,
        now_ns: Callable[[], int],
    ) -> None:
        """``cycle_ns``: the time between two deliveries of the totals. ``delta``: increments instead of sums."""
        self._ledger, self._spans, self._totals, self._identity = ledger, spans, totals, identity
        self._schedule, self._observe, self._cycle_ns, self._delta = schedule, observe, cycle_ns, delta
        self._tracer = Tracer(identity.resource, identity.scope, titles)
        self._now_ns = now_ns
        self._since_ns = now_ns()
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._rejected: Counter[str] = Counter()
        self._gained = Gained()
        self._published_at = -1
        """How many changes the ledger had seen when the totals were last taken."""
        self._refused = 0
        self._aside: list[tuple[PendingSpans, SendResult]] = []

    @property
    def pending(self) -> int:
        """Spans the backend has not taken."""
        return len(self._ledger.outbox)

    def send_spans(self, stopping: Callable[[], bool] = lambda: False) -> SendSummary:
        """Deliver what is owed, oldest first, until nothing is or the backend does not take it.

        A span leaves the ledger after the backend took it: killed in between, it is sent again with the same ids.
        """
        sent = SendSummary()
        if self._spans is None:
            self._forget()
            return sent
        self._refused = 0
        self._aside.clear()
        while not sent.reason and not stopping():
            owed = self._ledger.outbox.oldest(_SPANS_PER_REQUEST)
            if not owed:
                break
            self._deliver(self._spans, _portion(owed), sent)
        self._judge_refused()
        if sent.accepted or sent.reason:
            self._note_standing("traces", sent, new=True)
        return sent

    def send_totals(self, *, last: bool = False) -> SendSummary:
        """Publish the series that are due, see ``schedule``. What fails is made good by the next time.

        ``last``: there may be no next cycle soon. What the backend has not heard of lately is told as it was a cycle
        ago, and at once as it is.
        """
        sent, now_ns = SendSummary(), self._now_ns()
        if self._totals is None:
            return sent
        due = self._schedule.due(now_ns)
        if self._delta:
            self._schedule.skip_history(due, now_ns)
            self._hand_over_all(self._totals, self._schedule.increments(due), sent, now_ns)
        else:
            if self._settle(self._totals, due, sent, now_ns):
                due = self._schedule.due(now_ns)
            if last and not sent.reason:
                self._hand_over_all(self._totals, self._schedule.baselines(due, now_ns), sent, now_ns - self._cycle_ns)
            if not sent.reason:
                self._hand_over_all(self._totals, self._schedule.points(due, now_ns), sent, now_ns)
        if not sent.reason:
            self._publish_observed(self._totals, sent, now_ns)
        self._note_standing("metrics", sent, new=self._ledger.changes != self._published_at)
        if not sent.reason:
            self._published_at = self._ledger.changes
        return sent

    def _settle(self, delivery: MetricDelivery, due: Sequence[Series], sent: SendSummary, now_ns: int) -> bool:
        """Hand over once more what was not answered. What is refused now is taken for known: a backend that holds nothing
        for that time any more will not hold it again. Returns whether there was any."""
        unsettled = self._schedule.unanswered(due, now_ns)
        for at_ns, offers in sorted(unsettled.items()):
            for portion in metrics.portions(offers):
                if sent.reason:
                    break
                result = self._send(delivery, portion, at_ns)
                if result.accepted or result.permanent:
                    self._schedule.mark_resent(portion, at_ns)
                else:
                    sent.reason = result.reason or _UNSAID
        return bool(unsettled)

    def _hand_over_all(
        self, delivery: MetricDelivery, offers: list[ScheduledPoint], sent: SendSummary, at_ns: int
    ) -> None:
        self._refused = 0
        for portion in metrics.portions(offers):
            if sent.reason or not self._publish(delivery, portion, sent, at_ns):
                break

    def _send(self, delivery: MetricDelivery, offers: Sequence[ScheduledPoint], at_ns: int) -> SendResult:
        who = self._identity
        shown = [each.sent for each in offers]
        result = delivery.send(
            metrics.request(shown, resource=who.resource, scope=who.scope, now_ns=at_ns, delta=self._delta)
        )
        self._count("metrics", result)
        return result

    def close(self) -> None:
        for each in (self._spans, self._totals):
            if each is not None:
                each.close()

    def _forget(self) -> None:
        """The exporter ``none``: nothing is sent, and nothing kept to be sent later."""
        if self._ledger.outbox.oldest(1):
            with self._ledger.transaction():
                self._ledger.outbox.clear()

    def _deliver(self, delivery: SpanDelivery, owed: Sequence[PendingSpans], sent: SendSummary) -> None:
        """Hand over what stands in one request. One that is refused as such is halved until what is at fault is alone."""
        spans = [span for each in owed for span in self._spans_of(each)]
        result = self._hand_over(delivery, spans)
        if result.accepted:
            self._refused = 0
            with self._ledger.transaction():
                self._ledger.outbox.mark_accepted(owed)
            self._note(sent, result, len(spans), "traces", "spans")
        elif not result.permanent or self._refused >= _GIVE_UP:
            sent.reason = result.reason or _UNSAID
        elif len(owed) == 1:
            self._set_aside(owed[0], result)
        else:
            middle = len(owed) // 2
            for half in (owed[:middle], owed[middle:]):
                if not sent.reason:
                    self._deliver(delivery, half, sent)

    def _spans_of(self, owed: PendingSpans) -> Iterator[ReadableSpan]:
        if owed.of_turn:
            yield self._tracer.of_turn(owed.message, owed.session, owed.turn)
        else:
            yield from self._tracer.of_message(owed.message, owed.session, owed.turn, owed.calls)

    def _hand_over(self, delivery: SpanDelivery, spans: Sequence[ReadableSpan]) -> SendResult:
        """A message with more calls than a request takes goes in several; it is owed until all of them were taken."""
        rejected, reason = 0, ""
        for at in range(0, len(spans), _SPANS_PER_REQUEST):
            result = delivery.send(spans[at : at + _SPANS_PER_REQUEST])
            self._count("traces", result)
            if not result.accepted:
                return result
            rejected, reason = rejected + result.rejected, reason or result.reason
        return SendResult(accepted=True, rejected=rejected, reason=reason)

    def _publish_observed(self, delivery: MetricDelivery, sent: SendSummary, now_ns: int) -> None:
        """In a request of its own: what is wrong with a gauge keeps no total back."""
        seen = [*self._observe(), *self._attempted()]
        if self._delta:
            seen = self._gained.of(seen, now_ns)
        who = self._identity
        for at in range(0, len(seen), metrics.POINTS_PER_REQUEST):
            part = seen[at : at + metrics.POINTS_PER_REQUEST]
            result = delivery.send(
                metrics.observed(part, resource=who.resource, scope=who.scope, now_ns=now_ns, delta=self._delta)
            )
            self._count("metrics", result)
            if result.accepted:
                self._note(sent, result, len(part), "metrics", "data points")
            else:
                sent.reason = result.reason or _UNSAID

    def _attempted(self) -> Iterator[Observation]:
        """Since this process began: to keep it in the ledger would write to the disk for each request."""
        for (signal, outcome), number in self._attempts.items():
            attributes = {Attr.SIGNAL: signal, Attr.EXPORT_OUTCOME: outcome}
            yield Observation(EXPORT_COUNT.name, number, attributes, self._since_ns)
        for signal in ("metrics", "traces"):
            yield Observation(REJECTED_COUNT.name, self._rejected[signal], {Attr.SIGNAL: signal}, self._since_ns)

    def _count(self, signal: str, result: SendResult) -> None:
        self._attempts[signal, "taken" if result.accepted else "refused" if result.permanent else "failed"] += 1

    def _note_standing(self, signal: str, sent: SendSummary, *, new: bool) -> None:
        now_ms, delivery_state = self._now_ns() // 1_000_000, self._ledger.delivery_state
        if delivery_state.should_note(signal, sent.reason, new=new, now_ms=now_ms):
            with self._ledger.transaction():
                delivery_state.note_delivery(signal, sent.reason, now_ms)

    def _publish(
        self, delivery: MetricDelivery, offers: Sequence[ScheduledPoint], sent: SendSummary, at_ns: int
    ) -> bool:
        """Hand over one request; one that is refused as such (too large, a point at fault) is halved. Returns whether
        there is any use in going on."""
        if not self._delta:
            self._schedule.mark_sent(offers, at_ns)
        result = self._send(delivery, offers, at_ns)
        if result.accepted:
            self._refused = 0
            self._schedule.mark_accepted(offers, self._now_ns())
            self._note(sent, result, len(offers), "metrics", "data points")
            return True
        if not (self._delta or result.unanswered):
            self._schedule.mark_undelivered(offers)
        if result.permanent and len(offers) > 1 and self._refused < _GIVE_UP:
            middle = len(offers) // 2
            return all(self._publish(delivery, half, sent, at_ns) for half in (offers[:middle], offers[middle:]))
        sent.reason = result.reason or _UNSAID
        self._refused += 1
        return result.permanent and self._refused < _GIVE_UP

    def _set_aside(self, owed: PendingSpans, result: SendResult) -> None:
        self._refused += 1
        self._aside.append((owed, result))
        with self._ledger.transaction():
            self._ledger.outbox.quarantine(owed)

    def _judge_refused(self) -> None:
        """Say which spans were refused. Where nothing but refusals came in the end, they are owed as before."""
        if self._refused >= _GIVE_UP:
            at_fault, innocent = self._aside[: -self._refused], self._aside[-self._refused :]
            with self._ledger.transaction():
                self._ledger.outbox.release([owed for owed, _ in innocent])
        else:
            at_fault = self._aside
        if at_fault:
            owed, result = at_fault[0]
            log.warning(
                "the backend refused %d spans, the first that of %s (%s); kept, and tried again at the next start",
                len(at_fault),
                owed.message.id,
                result.reason,
            )

    def _note(self, sent: SendSummary, result: SendResult, number: int, signal: str, what: str) -> None:
        rejected = min(result.rejected, number)
        self._rejected[signal] += rejected
        sent.accepted += number - rejected
        sent.rejected += rejected
        if rejected:
            log.warning("the backend took a request without %d of %d %s: %s", rejected, number, what, result.reason)


def _portion(owed: Sequence[PendingSpans]) -> Sequence[PendingSpans]:
    """As many of the first as one request takes, and one at least."""
    spans = 0
    for number, each in enumerate(owed):
        spans += each.spans
        if spans > _SPANS_PER_REQUEST:
            return owed[: max(number, 1)]
    return owed
