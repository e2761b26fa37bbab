"""The metrics of a ledger, towards a backend that accepts all points, some, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

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
from tests.export.fakes import MetricsTo
from tests.support.records import START_NS, call, enter

HOUR_NS = 3_600_000_000_000
SESSION_METRIC = semconv.SESSION_TOKEN_USAGE.name
UNREACHABLE = SendResult(accepted=False, reason="nothing answers there")
REJECTED = SendResult(accepted=False, permanent=True, reason="HTTP 400 Bad Request")


def metric_export(
    ledger: Ledger,
    delivery: MetricsTo | None,
    *,
    observe: Callable[[], Iterable[Observation]] = list,
    now_ns: Callable[[], int] = lambda: START_NS,
) -> MetricExport:
    return MetricExport(
        ledger,
        delivery,
        Outcomes(ledger, now_ns),
        emitter=emitter("here"),
        schedule=MetricSchedule(
            ledger, list(semconv.METRICS), session_window_ns=HOUR_NS, active_ns=24 * HOUR_NS, budget=1_000
        ),
        observe=observe,
        interval_ns=60 * 10**9,
        delta=False,
        now_ns=now_ns,
    )


def attempts(outcomes: Outcomes) -> dict[Any, int | float]:
    """The counted requests for metrics, by outcome."""
    return {
        each.attributes[Attr.EXPORT_OUTCOME]: each.value
        for each in outcomes.observations()
        if each.metric == semconv.EXPORT_COUNT.name
    }


def test_series_of_sessions_end_with_the_window(ledger: Ledger) -> None:
    with ledger.transaction():
        increases = {(SESSION_METRIC, '{"session.id": "ses_0"}'): Increase(5)}
        new = NewSeries(START_NS, windowed=True)
        ledger.totals.raise_by(increases, now_ns=START_NS, new=new, limit=SeriesLimit(9, "{}"))
    enter(ledger, call(0))
    now_ns, backend = [START_NS], MetricsTo()
    export = metric_export(ledger, backend, now_ns=lambda: now_ns[0])
    export.send()
    assert SESSION_METRIC in backend.names()
    now_ns[0] = START_NS + HOUR_NS
    export.send()
    assert SESSION_METRIC in backend.names()
    now_ns[0] += 1
    export.send()
    assert SESSION_METRIC not in backend.names()


def test_without_an_exporter_for_metrics_nothing_is_sent(ledger: Ledger) -> None:
    enter(ledger, call(0))
    assert metric_export(ledger, None).send() == SendSummary()


def test_closing_closes_the_metric_delivery_if_there_is_one(ledger: Ledger) -> None:
    backend = MetricsTo()
    metric_export(ledger, backend).close()
    metric_export(ledger, None).close()
    assert backend.closed == 1


def test_what_is_observed_is_sent_in_a_request_of_its_own(ledger: Ledger) -> None:
    """A gauge at fault then holds up no total."""
    enter(ledger, call(0))
    backend = MetricsTo()
    metric_export(ledger, backend, observe=lambda: [Observation(semconv.OUTBOX_SIZE.name, 1)]).send()
    totals, observed = backend.requests
    assert semconv.OUTBOX_SIZE.name not in backend.names_of(totals)
    assert backend.names_of(observed) == {semconv.OUTBOX_SIZE.name}


def test_nothing_is_observed_for_a_backend_that_is_away(ledger: Ledger) -> None:
    enter(ledger, call(0))
    backend = MetricsTo()
    backend.result = UNREACHABLE
    summary = metric_export(ledger, backend, observe=lambda: pytest.fail("observed")).send()
    assert summary == SendSummary(reason=UNREACHABLE.reason)
    assert len(backend.requests) == 1


def test_a_backend_that_rejects_every_point_is_asked_a_limited_number_of_times(ledger: Ledger) -> None:
    enter(ledger, *(call(number, model=f"model-{number}") for number in range(100)))
    backend = MetricsTo()
    backend.result = REJECTED
    assert metric_export(ledger, backend).send() == SendSummary(reason=REJECTED.reason)
    assert len(backend.requests) < 80


def test_requests_are_counted_by_their_outcome_since_the_start(ledger: Ledger) -> None:
    outcomes = Outcomes(ledger, lambda: START_NS)
    for result in (SendResult(accepted=True), REJECTED, UNREACHABLE, UNREACHABLE):
        outcomes.count_request("metrics", result)
    assert attempts(outcomes) == {"taken": 1, "refused": 1, "failed": 2}
    assert {each.since_ns for each in outcomes.observations()} == {START_NS}
