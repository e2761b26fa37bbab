"""Sends what is observed and not kept in the ledger, in requests of its own: a gauge at fault holds up no total."""

from collections.abc import Hashable, Iterable, Sequence
from itertools import groupby

from opentelemetry.sdk.metrics.export import MetricsData

from otel_agent.export.generator import Export, Requests
from otel_agent.export.halving import Halving
from otel_agent.export.increments import Increments, ObservedPoint
from otel_agent.export.outcomes import Outcomes
from otel_agent.export.send_summary import SendSummary
from otel_agent.export.set_aside import SetAside, in_words
from otel_agent.model import Observation, SendResult
from otel_agent.otlp import metrics
from otel_agent.otlp.resource import Emitter


class ObservationExport:
    """Sends observations as they are, or with delta temporality the increments of the sums among them."""

    def __init__(self, outcomes: Outcomes, emitter: Emitter, *, delta: bool) -> None:
        self._outcomes, self._emitter = outcomes, emitter
        self._increments = Increments() if delta else None
        self._set_aside = SetAside[ObservedPoint](
            _key, lambda point: in_words(point.observation.metric, point.observation.attributes)
        )

    def export(self, observations: Iterable[Observation], now_ns: int) -> Export[MetricsData]:
        """Send one point for each observation, and first what got no answer before."""
        if self._increments is None:
            due = [ObservedPoint(observation, now_ns) for observation in observations]
        else:
            due = self._increments.due(observations, now_ns)
        together, alone = self._set_aside.split(due)
        rejected: list[ObservedPoint] = []
        summary = SendSummary()
        for _, of_time in groupby(together, key=lambda point: point.at_ns):
            if not summary.broken_off:
                summary += yield from self._send_together(list(of_time), rejected)
        if not summary.broken_off:
            summary += yield from self._set_aside.send_alone(
                alone, self.request, on_accepted=self._mark_accepted, on_rejected=rejected.append
            )
        if self._increments is not None and summary.accepted:
            # A backend that works and rejects a repeat has it already, or would never accept it.
            self._increments.mark_known([point for point in rejected if point.at_ns != now_ns])
        return summary

    def settle(self, *, works: bool) -> None:
        """End an export. ``works`` says that the backend accepted something."""
        self._set_aside.settle(works=works)

    def request(self, points: Sequence[ObservedPoint]) -> Requests[MetricsData, SendResult]:
        """Send these in one request. They have one time."""
        observations, delta = [point.observation for point in points], self._increments is not None
        result = yield metrics.observations_request(observations, self._emitter, now_ns=points[0].at_ns, delta=delta)
        self._outcomes.count_request("metrics", result)
        if result.unanswered and self._increments is not None:
            self._increments.mark_unanswered(points)
        return result

    def _send_together(self, points: Sequence[ObservedPoint], rejected: list[ObservedPoint]) -> Export[MetricsData]:
        run = Halving[ObservedPoint, MetricsData](
            self.request,
            key=_key,
            on_accepted=self._mark_accepted,
            on_rejected_alone=rejected.append,
            probes=lambda: reversed(points),
        )
        summary = SendSummary()
        for portion in metrics.portions(points):
            if not summary.reason:
                summary += yield from run.send(portion)
        return summary if run.suspects_endpoint else summary + self._set_aside.add(run.at_fault)

    def _mark_accepted(self, points: Sequence[ObservedPoint], result: SendResult) -> SendSummary:
        if self._increments is not None:
            self._increments.mark_known(points)
        return self._outcomes.summarize("metrics", result, len(points))


def _key(point: ObservedPoint) -> Hashable:
    return point.observation.metric, *sorted(point.observation.attributes.items())
