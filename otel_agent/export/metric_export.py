"""Exports metrics at every interval: the points that the schedule asks for, then what is observed at this moment."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import structs
from opentelemetry.sdk.metrics.export import MetricsData

from otel_agent.delivery.ports import NOTHING_SENT, MetricDelivery
from otel_agent.export.generator import Export, Requests, attempt, drive
from otel_agent.export.increments import ObservedPoint
from otel_agent.export.metric_schedule import MetricSchedule, ScheduledPoint
from otel_agent.export.mirror import Mirror
from otel_agent.export.observation_export import ObservationExport
from otel_agent.export.outcomes import Outcomes
from otel_agent.export.send_summary import SendSummary
from otel_agent.export.series_export import SeriesExport
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Observation, SendResult, Series
from otel_agent.model.plural import counted
from otel_agent.otlp.resource import Emitter
from otel_agent.semconv import LEDGER_SIZE

_LONGEST_BACK_NS: Final = 60 * 10**9
"""The last baseline is dated back by at most this, because an earlier process may have sent a heartbeat at any time before."""


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
        mirrors: Sequence[Mirror] = (),
    ) -> None:
        """``delivery`` is ``None`` for the exporter ``none``, ``mirrors`` keep series that go out under a second name.

        ``interval_ns`` is the time between two exports. ``delta`` sends increments instead of totals.
        """
        self._ledger, self._delivery, self._outcomes = ledger, delivery, outcomes
        self._schedule, self._observe, self._now_ns = schedule, observe, now_ns
        self._interval_ns, self._delta, self._mirrors = interval_ns, delta, mirrors
        self._observations = ObservationExport(outcomes, emitter, delta=delta)
        self._series = SeriesExport(schedule, outcomes, emitter, delta=delta, harmless=self._send_size)

    def send(self, *, last: bool = False) -> SendSummary:
        """Send everything that is due in this thread, as ``export`` does."""
        return drive(self.export(last=last), self.request)

    def request(self, data: MetricsData) -> SendResult:
        """Send one request. May be called from any thread, but from one at a time."""
        return NOTHING_SENT if self._delivery is None else attempt(self._delivery.send, data)

    def export(self, *, last: bool = False) -> Export[MetricsData]:
        """Yield requests with the points that are due, and with the observations if those were accepted.

        ``last`` says that no export may follow soon: baselines are sent together with the current values.
        """
        if self._delivery is None:
            return SendSummary()
        now_ns = self._now_ns()
        self._schedule.heal_times(now_ns)
        for mirror in self._mirrors:
            mirror.update(now_ns)
        due = self._schedule.due(now_ns)
        # Said before anything is sent: passes go on meanwhile, and what they count is no part of this export.
        new = any(self._schedule.is_news(series) for series in due)
        send = self._send_increments(due, now_ns) if self._delta else self._send_totals(due, now_ns, last=last)
        summary = yield from send
        if summary.at_fault and not summary.accepted:
            summary += yield from self._check_endpoint()
        if not summary.broken_off:
            summary += yield from self._observations.export(self._observe(), now_ns)
        self._series.settle(works=bool(summary.accepted))
        self._observations.settle(works=bool(summary.accepted))
        summary = _in_words(summary)
        self._outcomes.note("metrics", summary, new=new)
        return summary

    def close(self) -> None:
        """Break off the request under way. May be called from any thread; nothing is sent afterwards."""
        if self._delivery is not None:
            self._delivery.close()

    def _send_increments(self, due: list[Series], now_ns: int) -> Export[MetricsData]:
        self._schedule.skip_history(due, now_ns)
        # The same increments with the same times: a backend may have them, and can drop the repeat.
        summary = yield from self._send_again(self._schedule.unanswered_increments(due))
        if summary.reason:
            return summary
        due = self._schedule.due(now_ns)
        return summary + (yield from self._series.send(self._schedule.increments(due), now_ns))

    def _send_totals(self, due: list[Series], now_ns: int, *, last: bool) -> Export[MetricsData]:
        # The points that got no answer go first. Until the backend has them for certain, a baseline could be lower than what
        # it has, and the series would fall.
        unanswered = self._schedule.unanswered(due, now_ns)
        summary = yield from self._send_again(unanswered)
        if unanswered:
            due = self._schedule.due(now_ns)
        if last and not summary.reason:
            # Dated back by an interval, as if they had been sent in time; the current values then follow at once.
            at_ns = now_ns - min(self._interval_ns, _LONGEST_BACK_NS)
            # A baseline before a point that an earlier run sent would let the series fall, and none is needed after it.
            self._schedule.recall_accepted(due, at_ns, now_ns)
            summary += yield from self._series.send(self._schedule.baselines(due, now_ns), at_ns)
        if not summary.broken_off:
            summary += yield from self._series.send(self._schedule.points(due, now_ns, last=last), now_ns)
        return summary

    def _send_again(self, unanswered: dict[int, list[ScheduledPoint]]) -> Export[MetricsData]:
        for at_ns, points in sorted(unanswered.items()):
            summary = yield from self._series.send_again(points, at_ns)
            if summary.reason:
                return summary
        return SendSummary()

    def _check_endpoint(self) -> Export[MetricsData]:
        """See whether the endpoint accepts anything, before more is halved. The summary has a reason if it does not."""
        result = yield from self._send_size()
        return SendSummary() if result.accepted else SendSummary.of_failure(result)

    def _send_size(self) -> Requests[MetricsData, SendResult]:
        """Send a gauge of ours: whatever a backend has against single series, it accepts this one if it works."""
        size = Observation(LEDGER_SIZE.name, self._ledger.size_bytes())
        return self._observations.request([ObservedPoint(size, self._now_ns())])


def _in_words(summary: SendSummary) -> SendSummary:
    """Return the summary with a reason that a person understands, if the backend rejects single points only."""
    if not summary.accepted:
        # Nothing is known to work there: the endpoint is at fault.
        return structs.replace(summary, partly=False, at_fault=0)
    if not summary.partly:
        return summary
    points = counted(summary.at_fault, "data point")
    return structs.replace(summary, reason=f"{summary.reason} for {points}; the backend accepts all others")
