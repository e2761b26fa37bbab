"""Sends points of the ledger's series: each is noted before it is sent, and none at fault holds up the others."""

import json
import logging
from collections.abc import Callable, Hashable, Iterable, Sequence

from opentelemetry.sdk.metrics.export import MetricsData

from otel_agent.export.generator import Export, Requests
from otel_agent.export.halving import PROBES, Halving
from otel_agent.export.metric_schedule import MetricSchedule, ScheduledPoint
from otel_agent.export.outcomes import Outcomes
from otel_agent.export.send_summary import NO_REASON, SendSummary
from otel_agent.export.set_aside import SetAside, in_words
from otel_agent.model import SendResult
from otel_agent.otlp import metrics
from otel_agent.otlp.resource import Emitter

log = logging.getLogger(__name__)

Run = Halving[ScheduledPoint, MetricsData]


class SeriesExport:
    """Belongs to the thread that owns the ledger. ``delta`` says that the points are increments."""

    def __init__(
        self,
        schedule: MetricSchedule,
        outcomes: Outcomes,
        emitter: Emitter,
        *,
        delta: bool,
        harmless: Callable[[], Requests[MetricsData, SendResult]],
    ) -> None:
        """``harmless`` sends a point that any endpoint accepts, and that may be sent twice."""
        self._schedule, self._outcomes, self._emitter = schedule, outcomes, emitter
        self._delta, self._harmless = delta, harmless
        self._set_aside = SetAside[ScheduledPoint](_key, _name)
        self._suspicions = 0
        """Exports in a row that ended because the endpoint was at fault."""
        self._rejected_again: list[tuple[ScheduledPoint, int]] = []
        """Increments without an answer that were rejected when they were sent again, and their times."""

    def send(self, points: Iterable[ScheduledPoint], at_ns: int) -> Export[MetricsData]:
        """Send points with one time: together, in halves if need be, and those set aside alone."""
        together, alone = self._set_aside.split(points)
        run, summary = self._run(together, at_ns), SendSummary()
        if self._suspicions and together:
            # An endpoint that rejects everything costs one request, and not fifty at each interval.
            summary = yield from run.probe(1)
        for portion in metrics.portions(together):
            if not summary.reason:
                summary += yield from run.send(portion)
        if together:
            self._suspicions = self._suspicions + 1 if run.suspects_endpoint else 0
        if not run.suspects_endpoint:
            summary += self._set_aside.add(run.at_fault)
        if summary.broken_off:
            return summary
        alone_too = self._set_aside.send_alone(
            alone,
            lambda items: self._send_noted(items, at_ns),
            on_accepted=lambda items, result: self._mark_accepted(items, result, at_ns),
        )
        return summary + (yield from alone_too)

    def send_again(self, points: Sequence[ScheduledPoint], at_ns: int) -> Export[MetricsData]:
        """Send unanswered points again, with their old time. The summary says only if that failed: they are no news."""
        run, summary = self._run_again(points, at_ns), SendSummary()
        for portion in metrics.portions(points):
            if not summary.reason:
                summary += yield from run.send(portion)
        if summary.broken_off or run.suspects_endpoint:
            last = run.at_fault[-1][1].reason if run.at_fault else ""
            return SendSummary(reason=summary.reason or last or NO_REASON, retry_after_s=summary.retry_after_s)
        rejected = [point for point, _ in run.at_fault]
        if self._delta:
            # An increment that is dropped by mistake is lost, so it is kept until the backend is seen to work.
            self._rejected_again += [(point, at_ns) for point in rejected]
        else:
            # A backend that rejects the point now (too old) would reject it for ever: it counts as known there.
            self._schedule.mark_resent(rejected, at_ns)
        return SendSummary()

    def settle(self, *, works: bool) -> None:
        """End an export. ``works`` says that the backend accepted something."""
        self._set_aside.settle(works=works)
        again, self._rejected_again = self._rejected_again, []
        for point, at_ns in again if works else ():
            log.warning(
                "the backend rejects an increment that got no answer before; it counts as accepted: %s", _name(point)
            )
            self._schedule.mark_resent([point], at_ns)

    def _run(self, points: Sequence[ScheduledPoint], at_ns: int) -> Run:
        accepted: set[Hashable] = set()

        def mark_accepted(portion: Sequence[ScheduledPoint], result: SendResult) -> SendSummary:
            accepted.update(map(_key, portion))
            return self._mark_accepted(portion, result, at_ns)

        return Run(
            lambda portion: self._send_noted(portion, at_ns),
            key=_key,
            on_accepted=mark_accepted,
            on_rejected_alone=lambda _: None,
            # An increment that was accepted must not be sent once more.
            probes=lambda: [each for each in _spread(points, self._suspicions) if _key(each) not in accepted],
            harmless=self._harmless,
        )

    def _run_again(self, points: Sequence[ScheduledPoint], at_ns: int) -> Run:
        def mark_known(portion: Sequence[ScheduledPoint], result: SendResult) -> SendSummary:
            self._schedule.mark_resent(portion, at_ns)
            # What the backend leaves out is counted and logged. That it has the rest is no news.
            self._outcomes.summarize("metrics", result, len(portion))
            return SendSummary()

        return Run(
            lambda portion: self._request(portion, at_ns),
            key=_key,
            on_accepted=mark_known,
            on_rejected_alone=lambda _: None,
            probes=lambda: _spread(points, self._suspicions),
            harmless=self._harmless,
        )

    def _send_noted(self, points: Sequence[ScheduledPoint], at_ns: int) -> Requests[MetricsData, SendResult]:
        """Send one request. The ledger knows before that its points may arrive, and afterwards if they cannot have."""
        self._schedule.mark_sent(points, at_ns)
        result = yield from self._request(points, at_ns)
        if not (result.accepted or result.unanswered):
            self._schedule.mark_undelivered(points)
        return result

    def _request(self, points: Sequence[ScheduledPoint], at_ns: int) -> Requests[MetricsData, SendResult]:
        series = [point.sent for point in points]
        result = yield metrics.series_request(series, self._emitter, now_ns=at_ns, delta=self._delta)
        self._outcomes.count_request("metrics", result)
        return result

    def _mark_accepted(self, points: Sequence[ScheduledPoint], result: SendResult, at_ns: int) -> SendSummary:
        self._schedule.mark_accepted(points, at_ns)
        return self._outcomes.summarize("metrics", result, len(points))


def _key(point: ScheduledPoint) -> Hashable:
    return point.sent.metric, point.sent.attributes


def _name(point: ScheduledPoint) -> str:
    return in_words(point.sent.metric, json.loads(point.sent.attributes))


def _spread(points: Sequence[ScheduledPoint], attempt: int) -> list[ScheduledPoint]:
    """Return the points in an order in which neighbours, which are often of one kind, are far apart."""
    stride = max(len(points) // PROBES, 1)
    from_the_end = points[::-1]
    return [
        from_the_end[index]
        for first in range(stride)
        for index in range((first + attempt) % stride, len(points), stride)
    ]
