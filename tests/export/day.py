"""An agent's cycles over a ledger, with a clock of its own: hours take no time."""

from __future__ import annotations

import json

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

from otel_agent import semconv
from otel_agent.delivery.ports import MetricDelivery
from otel_agent.export.dispatch import Dispatch, Identity
from otel_agent.export.metric_schedule import MetricSchedule
from otel_agent.ledger.totals import NewSeries, SeriesLimit
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Increase
from otel_agent.otlp import resource
from tests.export.fakes import MetricsTo
from tests.support.otlp_receiver import PointRow, kept
from tests.support.otlp_receiver.rows import point_rows
from tests.support.records import START_NS

CYCLE_NS = 60 * 10**9
HOUR_NS = 3_600 * 10**9
METRIC = semconv.TOKEN_USAGE.name
OF = semconv.Attr.PROJECT
"""The attribute that tells series apart."""


class Day:
    """`to` keeps what was told, and says whether it was taken; `over` is where it goes in its place."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        budget: int = 100,
        delta: bool = False,
        started_ns: int = START_NS,
        over: MetricDelivery | None = None,
    ) -> None:
        self.ledger, self.now_ns, self.to = ledger, started_ns, MetricsTo()
        self._budget, self._delta, self._over = budget, delta, over
        self.start()

    def start(self) -> None:
        """As after a restart: nothing but the ledger is remembered."""
        telling = MetricSchedule(
            self.ledger, [METRIC], session_window_ns=HOUR_NS, active_ns=24 * HOUR_NS, budget=self._budget
        )
        self._out = Dispatch(
            self.ledger,
            None,
            self._over or self.to,
            Identity(resource.resource("here"), resource.scope()),
            schedule=telling,
            cycle_ns=CYCLE_NS,
            delta=self._delta,
            titles=False,
            now_ns=lambda: self.now_ns,
        )

    def count(self, series: str, tokens: int, *, history: bool = False) -> None:
        with self.ledger.transaction():
            self.ledger.totals.raise_by(
                {(METRIC, json.dumps({OF: series})): Increase(tokens)},
                now_ns=self.now_ns,
                new=NewSeries(self.now_ns - CYCLE_NS, history=history),
                limit=SeriesLimit(100, "{}"),
            )

    def cycle(self, *, last: bool = False) -> list[tuple[str, int]]:
        """What was told, as (series, value), a cycle later."""
        self.now_ns += CYCLE_NS
        return [(str(point.attributes[OF]), int(point.value or 0)) for point in self.points(last=last)]

    def points(self, *, last: bool = False) -> list[PointRow]:
        before = len(self.to.requests)
        self._out.send_totals(last=last)
        found = [row for data in self.to.requests[before:] for row in point_rows(encode_metrics(data))]
        return kept(found)
