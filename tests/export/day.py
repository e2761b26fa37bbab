"""Exports of one ledger's metrics, interval by interval, with a clock of its own: hours take no time."""

from __future__ import annotations

import json
from contextlib import suppress

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricsData

from otel_agent import semconv
from otel_agent.delivery.ports import MetricDelivery
from otel_agent.export.generator import Export
from otel_agent.export.known_backend import KnownBackend
from otel_agent.export.metric_export import MetricExport
from otel_agent.export.metric_schedule import MetricSchedule
from otel_agent.export.outcomes import Outcomes
from otel_agent.ledger.totals import NewSeries, SeriesLimit
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Increase
from otel_agent.otlp.resource import emitter
from otel_agent.semconv.attributes import Attr
from tests.export.fakes import MetricsTo
from tests.support.otlp_receiver import PointRow, kept
from tests.support.otlp_receiver.rows import point_rows
from tests.support.records import START_NS

CYCLE_NS = 60 * 10**9
"""The time between two exports."""
HOUR_NS = 3_600 * 10**9
METRIC = semconv.TOKEN_USAGE.name
OF = Attr.PROJECT
"""The attribute by which the series differ."""


class Day:
    """`to` keeps what was sent, and answers as its `result` says. `over` is a real delivery in its place."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        budget: int = 100,
        delta: bool = False,
        interval_ns: int = CYCLE_NS,
        started_ns: int = START_NS,
        over: MetricDelivery | None = None,
        backend: str = "a.example:4318",
    ) -> None:
        self.ledger, self.now_ns, self.to = ledger, started_ns, MetricsTo()
        self._budget, self._delta, self._over = budget, delta, over
        self._interval_ns, self.backend = interval_ns, backend
        self.start()

    def start(self) -> None:
        """Restart the agent: nothing but the ledger is remembered."""
        self.schedule = MetricSchedule(
            self.ledger,
            [METRIC],
            session_window_ns=HOUR_NS,
            active_ns=24 * HOUR_NS,
            budget=self._budget,
            interval_ns=self._interval_ns,
            backend=KnownBackend(self.ledger, self.backend, delta=self._delta, now_ns=self.now_ns),
        )
        outcomes = Outcomes(self.ledger, lambda: self.now_ns)
        self.export = MetricExport(
            self.ledger,
            self._over or self.to,
            outcomes,
            emitter=emitter("here"),
            schedule=self.schedule,
            observe=outcomes.observations,
            interval_ns=self._interval_ns,
            delta=self._delta,
            now_ns=lambda: self.now_ns,
        )

    def count(self, series: str, tokens: int, *, history: bool = False) -> None:
        """Add tokens to one series. `history` says that it was found at the very first start."""
        with self.ledger.transaction():
            self.ledger.totals.raise_by(
                {(METRIC, json.dumps({OF: series})): Increase(tokens)},
                now_ns=self.now_ns,
                new=NewSeries(self.now_ns - CYCLE_NS, history=history),
                limit=SeriesLimit(100, "{}"),
            )

    def cycle(self, *, last: bool = False) -> list[tuple[str, int]]:
        """Export after one interval. Returns what was sent, as (series, value)."""
        self.now_ns += CYCLE_NS
        return [(str(point.attributes[OF]), int(point.value or 0)) for point in self.points(last=last)]

    def cycles(self, count: int) -> list[list[tuple[str, int]]]:
        """Export that many times. Returns what was sent each time."""
        return [self.cycle() for _ in range(count)]

    def finish(self, under_way: Export[MetricsData]) -> None:
        """Accept the request under way and all that follow in its export."""
        result = self.to.result
        with suppress(StopIteration):
            while True:
                under_way.send(result)

    def points(self, *, last: bool = False) -> list[PointRow]:
        """Export now. Returns the points that were sent, accepted or not."""
        before = len(self.to.requests)
        self.export.send(last=last)
        sent = [row for data in self.to.requests[before:] for row in point_rows(encode_metrics(data))]
        return kept(sent)
