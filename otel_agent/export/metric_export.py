"""Exports metrics at every interval: the points that the schedule asks for, then what is observed at this moment."""

from collections.abc import Callable, Iterable, Sequence

from otel_agent.delivery.ports import MetricDelivery
from otel_agent.export.halving import Halving
from otel_agent.export.increments import Increments
from otel_agent.export.metric_schedule import MetricSchedule, ScheduledPoint
from otel_agent.export.outcomes import NO_REASON, Outcomes, SendSummary
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Observation, SendResult
from otel_agent.otlp import metrics
from otel_agent.otlp.resource import Emitter


class MetricExport:
    """Belongs to the thread that owns the ledger. The next interval makes good what fails now."""

    def __init__(
        self,
        ledger: Ledger,
        delivery: MetricDelivery | None,
        outcomes: Outcomes,
        *,
        emitter: Emitter,
        schedule: MetricSchedule,
        observe: Callable[[], Iterable[Observation]],
        interval_ns: int,
        delta: bool,
        now_ns: Callable[[], int],
    ) -> None:
        """``delivery`` is ``None`` for the exporter ``none``.

        ``interval_ns`` is the time between two exports. ``delta`` sends increments instead of totals.
        """
        self._ledger, self._delivery, self._outcomes = ledger, delivery, outcomes
        self._emitter, self._schedule, self._observe = emitter, schedule, observe
        self._interval_ns, self._delta, self._now_ns = interval_ns, delta, now_ns
        self._increments = Increments()
        self._exported_at = -1
        """The ledger's number of changes at the last export that was accepted. If it is the same, nothing new was sent."""

    def send(self, *, last: bool = False) -> SendSummary:
        """Send the points that are due, and the observations if those were accepted.

        ``last`` says that no export may follow soon: baselines are sent together with the current values.
        """
        delivery = self._delivery
        if delivery is None:
            return SendSummary()
        now_ns = self._now_ns()
        summary = (
            self._send_increments(delivery, now_ns)
            if self._delta
            else self._send_totals(delivery, now_ns, with_baselines=last)
        )
        if not summary.reason:
            summary += self._send_observations(delivery, now_ns)
        self._outcomes.note("metrics", summary, new=self._ledger.changes != self._exported_at)
        if not summary.reason:
            self._exported_at = self._ledger.changes
        return summary

    def close(self) -> None:
        """Break off the request under way. May be called from any thread; nothing is sent afterwards."""
        if self._delivery is not None:
            self._delivery.close()

    def _send_increments(self, delivery: MetricDelivery, now_ns: int) -> SendSummary:
        due = self._schedule.due(now_ns)
        self._schedule.skip_history(due, now_ns)
        return self._send_points(delivery, self._schedule.increments(due), now_ns)

    def _send_totals(self, delivery: MetricDelivery, now_ns: int, *, with_baselines: bool) -> SendSummary:
        due, summary = self._schedule.due(now_ns), SendSummary()
        # First of all the points that got no answer: until the backend has them for certain, a baseline could be lower
        # than what it has, and the series would fall.
        unanswered = self._schedule.unanswered(due, now_ns)
        if unanswered:
            summary += self._resend(delivery, unanswered)
            due = self._schedule.due(now_ns)
        if with_baselines and not summary.reason:
            # Dated back by an interval, as if they had been sent in time; the current values then follow at once.
            baselines = self._schedule.baselines(due, now_ns)
            summary += self._send_points(delivery, baselines, now_ns - self._interval_ns)
        if not summary.reason:
            summary += self._send_points(delivery, self._schedule.points(due, now_ns), now_ns)
        return summary

    def _resend(self, delivery: MetricDelivery, unanswered: dict[int, list[ScheduledPoint]]) -> SendSummary:
        """Send unanswered points again, each with its old time. The summary says only if that failed: they are no news."""
        for at_ns, points in sorted(unanswered.items()):
            for portion in metrics.portions(points):
                result = self._request(delivery, portion, at_ns)
                # A backend that rejects the point now (too old) would reject it for ever: it counts as known there.
                if not (result.accepted or result.permanent):
                    return SendSummary(reason=result.reason or NO_REASON)
                self._schedule.mark_resent(portion, at_ns)
        return SendSummary()

    def _send_points(self, delivery: MetricDelivery, points: Sequence[ScheduledPoint], at_ns: int) -> SendSummary:
        run = Halving[ScheduledPoint](
            lambda portion: self._send_noted(delivery, portion, at_ns),
            on_accepted=self._mark_accepted,
            on_rejected_alone=lambda _: None,
        )
        summary = SendSummary()
        for portion in metrics.portions(points):
            summary += run.send(portion)
            if run.at_fault and not summary.reason:
                # A rejected point, other than a span, is tried again at the next interval: until then this export failed.
                _, result = run.at_fault[-1]
                summary += SendSummary(reason=result.reason or NO_REASON)
            # The other portions stay due: the next interval sends them.
            if summary.reason:
                break
        return summary

    def _send_noted(self, delivery: MetricDelivery, points: Sequence[ScheduledPoint], at_ns: int) -> SendResult:
        """Send one request. The ledger knows before that its points may arrive, and afterwards if they cannot have."""
        if self._delta:
            return self._request(delivery, points, at_ns)
        self._schedule.mark_sent(points, at_ns)
        result = self._request(delivery, points, at_ns)
        if not (result.accepted or result.unanswered):
            self._schedule.mark_undelivered(points)
        return result

    def _mark_accepted(self, points: Sequence[ScheduledPoint], result: SendResult) -> SendSummary:
        self._schedule.mark_accepted(points, self._now_ns())
        return self._outcomes.summarize("metrics", result, len(points))

    def _request(self, delivery: MetricDelivery, points: Sequence[ScheduledPoint], at_ns: int) -> SendResult:
        series = [point.sent for point in points]
        data = metrics.series_request(series, self._emitter, now_ns=at_ns, delta=self._delta)
        result = delivery.send(data)
        self._outcomes.count_request("metrics", result)
        return result

    def _send_observations(self, delivery: MetricDelivery, now_ns: int) -> SendSummary:
        """Send what is observed in requests of its own: a gauge at fault holds up no total."""
        observed = list(self._observe())
        if self._delta:
            # What is sent and lost here is gone: for observations nothing is noted in the ledger.
            observed = self._increments.since_last(observed, now_ns)
        summary = SendSummary()
        for portion in metrics.portions(observed):
            data = metrics.observations_request(portion, self._emitter, now_ns=now_ns, delta=self._delta)
            result = delivery.send(data)
            self._outcomes.count_request("metrics", result)
            if result.accepted:
                summary += self._outcomes.summarize("metrics", result, len(portion))
            else:
                summary += SendSummary(reason=result.reason or NO_REASON)
        return summary
