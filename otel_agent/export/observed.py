"""Sends what is observed and not kept in the ledger, in requests of its own: a gauge at fault holds up no total."""

from collections.abc import Hashable, Iterable, Sequence
from itertools import groupby

from opentelemetry.sdk.metrics.export import MetricsData

from otel_agent.export.exchange import Exchange, Export
from otel_agent.export.halving import Halving
from otel_agent.export.increments import Gain, Increments
from otel_agent.export.outcomes import Outcomes, SendSummary
from otel_agent.export.set_aside import ALONE_AT_ONCE, SetAside, in_words
from otel_agent.model import Observation, SendResult
from otel_agent.otlp import metrics
from otel_agent.otlp.resource import Emitter


class Observed:
    """Sends observations as they are, or with delta temporality the increments of the sums among them."""

    def __init__(self, outcomes: Outcomes, emitter: Emitter, *, delta: bool) -> None:
        self._outcomes, self._emitter = outcomes, emitter
        self._increments = Increments() if delta else None
        self._set_aside = SetAside[Gain](
            _key, lambda gain: in_words(gain.observation.metric, gain.observation.attributes)
        )

    def export(self, observations: Iterable[Observation], now_ns: int) -> Export[MetricsData]:
        """Send one point for each observation, and first what got no answer before."""
        if self._increments is None:
            due = [Gain(observation, now_ns) for observation in observations]
        else:
            due = self._increments.due(observations, now_ns)
        together, alone = self._set_aside.split(due)
        rejected: list[Gain] = []
        summary = SendSummary()
        for _, of_time in groupby(together, key=lambda gain: gain.at_ns):
            if not summary.broken_off:
                summary += yield from self._send_together(list(of_time), rejected)
        if not summary.broken_off:
            summary += yield from self._send_alone(alone, rejected)
        if self._increments is not None and summary.accepted:
            # A backend that works and rejects a repeat has it already, or would never accept it.
            self._increments.mark_known([gain for gain in rejected if gain.at_ns != now_ns])
        return summary

    def settle(self, *, works: bool) -> None:
        """End an export. ``works`` says that the backend accepted something."""
        self._set_aside.settle(works=works)

    def request(self, gains: Sequence[Gain]) -> Exchange[MetricsData, SendResult]:
        """Send these in one request. They have one time."""
        observations, delta = [gain.observation for gain in gains], self._increments is not None
        result = yield metrics.observations_request(observations, self._emitter, now_ns=gains[0].at_ns, delta=delta)
        self._outcomes.count_request("metrics", result)
        if result.unanswered and self._increments is not None:
            self._increments.mark_unanswered(gains)
        return result

    def _send_together(self, gains: Sequence[Gain], rejected: list[Gain]) -> Export[MetricsData]:
        run = Halving[Gain, MetricsData](
            self.request,
            key=_key,
            on_accepted=self._mark_accepted,
            on_rejected_alone=rejected.append,
            probes=lambda: reversed(gains),
        )
        summary = SendSummary()
        for portion in metrics.portions(gains):
            if not summary.reason:
                summary += yield from run.send(portion)
        return summary if run.suspects_endpoint else summary + self._set_aside.add(run.at_fault)

    def _send_alone(self, gains: Sequence[Gain], rejected: list[Gain]) -> Export[MetricsData]:
        summary = SendSummary()
        for gain in gains[:ALONE_AT_ONCE]:
            result = yield from self.request([gain])
            if result.accepted:
                self._set_aside.forget()
                return summary + self._mark_accepted([gain], result)
            if not result.permanent:
                return summary + SendSummary.of_failure(result)
            rejected.append(gain)
            summary += self._set_aside.note_turn(gain, result)
        return summary

    def _mark_accepted(self, gains: Sequence[Gain], result: SendResult) -> SendSummary:
        if self._increments is not None:
            self._increments.mark_known(gains)
        return self._outcomes.summarize("metrics", result, len(gains))


def _key(gain: Gain) -> Hashable:
    return gain.observation.metric, *sorted(gain.observation.attributes.items())
