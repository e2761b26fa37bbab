"""Data points that the backend rejects for good: they hold up no other, are named once, and cost little."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricsData

from otel_agent import semconv
from otel_agent.export.metric_export import MetricExport
from otel_agent.export.metric_schedule import MetricSchedule
from otel_agent.export.outcomes import Outcomes
from otel_agent.export.send_summary import SendSummary
from otel_agent.ledger.totals import NewSeries, SeriesLimit
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Increase, Observation, SendResult
from otel_agent.otlp.resource import emitter
from otel_agent.semconv.attributes import Attr
from tests.support.otlp_receiver.rows import PointRow, point_rows
from tests.support.records import START_NS

ACCEPTED = SendResult(accepted=True)
REJECTED = SendResult(accepted=False, permanent=True, reason="HTTP 400 Bad Request")
TOO_LARGE = SendResult(accepted=False, permanent=True, reason="HTTP 413 Content Too Large")
TOKENS, COST = semconv.TOKEN_USAGE.name, semconv.COST_USAGE.name
MINUTE_NS = 60 * 10**9

Judge = Callable[[list[PointRow]], SendResult]


class Picky:
    """A backend that answers each request as `judge` says of its points, and keeps what it accepted."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.sizes: list[int] = []
        """The number of points in each request."""
        self.accepted: list[PointRow] = []

    def send(self, data: MetricsData) -> SendResult:
        points = list(point_rows(encode_metrics(data)))
        self.sizes.append(len(points))
        result = self.judge(points)
        if result.accepted:
            self.accepted += points
        return result

    def close(self) -> None: ...

    def projects(self) -> set[str]:
        """The projects of the points accepted since the last call."""
        found = {str(point.attributes[Attr.PROJECT]) for point in self.accepted if Attr.PROJECT in point.attributes}
        self.accepted.clear()
        return found


def rejecting(*projects: str) -> Judge:
    """Reject every request with a point of one of these projects in it."""
    return lambda points: (
        REJECTED if {point.attributes.get(Attr.PROJECT) for point in points} & set(projects) else ACCEPTED
    )


class Exporting:
    """The exports of one ledger, a minute apart."""

    def __init__(self, ledger: Ledger, judge: Judge, *, delta: bool = False, observed: int = 3) -> None:
        self.ledger, self.backend, self.now_ns = ledger, Picky(judge), START_NS
        self._observed = observed
        self._export = MetricExport(
            ledger,
            self.backend,
            Outcomes(ledger, lambda: self.now_ns),
            emitter=emitter("here"),
            schedule=MetricSchedule(
                ledger,
                [TOKENS, COST],
                session_window_ns=60 * MINUTE_NS,
                active_ns=600 * MINUTE_NS,
                budget=10_000,
                interval_ns=MINUTE_NS,
            ),
            observe=self._observe,
            interval_ns=MINUTE_NS,
            delta=delta,
            now_ns=lambda: self.now_ns,
        )

    def count(self, *projects: str, metric: str = TOKENS, history: bool = True) -> None:
        increases = {(metric, json.dumps({Attr.PROJECT: project})): Increase(7) for project in projects}
        with self.ledger.transaction():
            self.ledger.totals.raise_by(
                increases,
                now_ns=self.now_ns,
                new=NewSeries(self.now_ns - MINUTE_NS, history=history),
                limit=SeriesLimit(10_000, "{}"),
            )

    def send(self) -> SendSummary:
        self.now_ns += MINUTE_NS
        self.backend.sizes.clear()
        return self._export.send()

    def _observe(self) -> list[Observation]:
        return [Observation(semconv.SERIES_COUNT.name, n, {Attr.SERIES_OF: str(n)}) for n in range(self._observed)]

    def delivery(self) -> Any:
        row = self.ledger._database.execute("SELECT taken_ms, failing_ms, reason FROM delivery").fetchone()
        return dict(zip(("taken_ms", "failing_ms", "reason"), row, strict=True))


def names(count: int, of: str = "p") -> list[str]:
    return [f"{of}{number:05}" for number in range(count)]


@pytest.mark.parametrize("delta", [False, True])
@pytest.mark.parametrize("at_fault", ["p00000", "p01300", "p02999"])
def test_one_rejected_point_holds_up_no_other_in_any_request(ledger: Ledger, delta: bool, at_fault: str) -> None:
    exporting = Exporting(ledger, rejecting(at_fault), delta=delta)
    exporting.count("known", history=True)
    exporting.send()
    exporting.count(*names(3_000), history=False)
    summaries = [exporting.send() for _ in range(2)]
    assert exporting.backend.projects() >= set(names(3_000)) - {at_fault}
    assert {summary.at_fault for summary in summaries} == {1}
    assert not any(summary.broken_off for summary in summaries)


def test_it_is_tried_alone_at_each_further_export_and_with_the_others_once_it_is_accepted(ledger: Ledger) -> None:
    exporting = Exporting(ledger, rejecting("p00001"))
    exporting.count(*names(100))
    exporting.send()
    exporting.send()
    assert exporting.backend.sizes == [99, 1, 3]
    exporting.backend.judge = rejecting()
    assert exporting.send() == SendSummary(accepted=103)
    exporting.send()
    assert exporting.backend.sizes == [100, 3]


def test_it_is_named_once_by_its_metric_and_its_attributes_without_their_values(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    exporting = Exporting(ledger, rejecting("secret-project"))
    exporting.count("secret-project", *names(50))
    for _ in range(3):
        exporting.send()
    (line,) = [line for line in caplog.messages if "rejects" in line]
    assert f"1 data point, the first of {TOKENS} with {Attr.PROJECT} (HTTP 400 Bad Request)" in line
    assert "secret" not in caplog.text


def test_the_state_says_partly_accepted_and_when(ledger: Ledger) -> None:
    exporting = Exporting(ledger, rejecting("p00001"))
    exporting.count(*names(50))
    summary = exporting.send()
    assert summary.reason == "HTTP 400 Bad Request for 1 data point; the backend accepts all others"
    found = exporting.delivery()
    assert found["reason"] == summary.reason
    assert found["taken_ms"] == found["failing_ms"] == exporting.now_ns // 10**6


def test_a_metric_whose_every_series_is_rejected_holds_up_no_other_metric(ledger: Ledger) -> None:
    """More in a row than make the endpoint suspect."""
    exporting = Exporting(ledger, lambda points: REJECTED if any(p.metric == COST for p in points) else ACCEPTED)
    exporting.count(*names(90), metric=COST)
    exporting.count(*names(50))
    exporting.send()
    exporting.send()
    assert exporting.backend.projects() == set(names(50))
    assert exporting.send().accepted == 53
    assert len(exporting.backend.sizes) <= 2 + 20, "a bounded number is tried alone"


def test_the_last_metric_may_be_rejected_as_a_whole(ledger: Ledger) -> None:
    """Nothing of the ledger is left to be sent as a probe: a gauge of ours shows that the endpoint works."""
    exporting = Exporting(ledger, lambda points: REJECTED if any(p.metric == TOKENS for p in points) else ACCEPTED)
    exporting.count(*names(90), metric=TOKENS)
    exporting.count(*names(50), metric=COST)
    summary = exporting.send()
    assert not summary.broken_off
    assert summary.at_fault == 90
    assert summary.accepted == 53


def test_an_increment_that_was_accepted_is_not_sent_again_as_a_probe(ledger: Ledger) -> None:
    exporting = Exporting(
        ledger, lambda points: REJECTED if any(p.metric == TOKENS for p in points) else ACCEPTED, delta=True
    )
    exporting.count(*names(100), metric=COST, history=False)
    exporting.count(*names(90), metric=TOKENS, history=False)
    exporting.send()
    accepted = [point.attributes[Attr.PROJECT] for point in exporting.backend.accepted if point.metric == COST]
    assert sorted(map(str, accepted)) == names(100)


def test_an_endpoint_that_rejects_everything_costs_one_request_at_each_further_export(ledger: Ledger) -> None:
    exporting = Exporting(ledger, lambda _: REJECTED)
    exporting.count(*names(1_000))
    assert exporting.send().broken_off
    assert len(exporting.backend.sizes) < 80
    for _ in range(5):
        assert exporting.send() == SendSummary(reason=REJECTED.reason)
        assert len(exporting.backend.sizes) == 1
    exporting.backend.judge = rejecting()
    assert exporting.send().accepted == 1_003


def test_an_endpoint_that_rejects_a_few_points_and_nothing_else_exists_is_at_fault_itself(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    exporting = Exporting(ledger, lambda _: REJECTED)
    exporting.count(*names(3))
    assert exporting.send() == SendSummary(reason=REJECTED.reason)
    assert exporting.delivery()["taken_ms"] is None
    assert not [line for line in caplog.messages if "rejects" in line]


def test_observations_too_large_for_one_request_are_halved(ledger: Ledger) -> None:
    exporting = Exporting(ledger, lambda points: TOO_LARGE if len(points) > 8 else ACCEPTED, observed=50)
    exporting.count("p")
    assert exporting.send() == SendSummary(accepted=51)


def test_a_gauge_at_fault_holds_up_no_other(ledger: Ledger) -> None:
    exporting = Exporting(
        ledger, lambda points: REJECTED if any(p.attributes.get(Attr.SERIES_OF) == "1" for p in points) else ACCEPTED
    )
    exporting.count("p")
    for _ in range(2):
        summary = exporting.send()
        assert summary.accepted == 3
        assert summary.at_fault == 1


def test_content_that_breaks_an_exporter_is_isolated_as_what_a_backend_rejects(ledger: Ledger) -> None:
    def judge(points: list[PointRow]) -> SendResult:
        if any(point.attributes.get(Attr.PROJECT) == "p00007" for point in points):
            raise ValueError("a secret in an error's text")
        return ACCEPTED

    exporting = Exporting(ledger, judge)
    exporting.count(*names(40))
    summary = exporting.send()
    assert summary.accepted == 42
    assert "secret" not in summary.reason
    assert "ValueError" in summary.reason
