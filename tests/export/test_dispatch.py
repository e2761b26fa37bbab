"""What is owed, towards a backend that takes all, some or nothing of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_agent import semconv
from otel_agent.delivery.ports import SpanDelivery
from otel_agent.export.dispatch import Dispatch, Identity
from otel_agent.export.metric_schedule import MetricSchedule
from otel_agent.ledger.totals import NewSeries, SeriesLimit
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Increase, SendResult
from otel_agent.otlp import resource
from tests.export.fakes import MetricsTo, SpansTo
from tests.support.ledgers import fresh_ledger
from tests.support.records import START_NS, call, enter

TAKEN = SendResult(accepted=True)
REFUSED = SendResult(accepted=False, permanent=True, reason="HTTP 400 Bad Request")
UNREACHABLE = SendResult(accepted=False, reason="nothing answers there")
HOUR_NS = 3_600_000_000_000

Judge = Callable[[list[str]], SendResult]


def dispatch(
    ledger: Ledger,
    spans: SpanDelivery | None,
    totals: MetricsTo | None = None,
    *,
    now_ns: Callable[[], int] = lambda: START_NS,
) -> Dispatch:
    return Dispatch(
        ledger,
        spans,
        totals,
        Identity(resource.resource("here"), resource.scope()),
        schedule=MetricSchedule(
            ledger, list(semconv.METRICS), session_window_ns=HOUR_NS, active_ns=24 * HOUR_NS, budget=1_000
        ),
        titles=False,
        now_ns=now_ns,
    )


def owe(ledger: Ledger, count: int) -> list[str]:
    """That many spans; returns their messages' ids, oldest first."""
    enter(ledger, *(call(number) for number in range(count)))
    return [f"msg_{number}" for number in range(count)]


def refusing(*at_fault: str) -> Judge:
    """A backend that refuses every request with one of these messages in it."""
    return lambda ids: REFUSED if set(ids) & set(at_fault) else TAKEN


def test_all_that_is_owed_is_sent_in_order_and_once(ledger: Ledger) -> None:
    owed = owe(ledger, 1_300)
    to = SpansTo(refusing())
    out = dispatch(ledger, to)
    assert out.send_spans().accepted == 1_300
    assert to.accepted == owed
    assert max(map(len, to.requests)) <= 512
    assert (out.pending, out.send_spans().accepted) == (0, 0)


def test_a_backend_that_is_away_is_asked_once_and_costs_nothing(ledger: Ledger) -> None:
    owed = owe(ledger, 1_300)
    to = SpansTo(lambda _: UNREACHABLE)
    out = dispatch(ledger, to)
    assert out.send_spans().reason == "nothing answers there"
    assert (len(to.requests), out.pending) == (1, 1_300)
    to.judge = refusing()
    out.send_spans()
    assert to.accepted == owed


def test_a_backend_that_goes_away_midway(ledger: Ledger) -> None:
    owed = owe(ledger, 1_300)
    to = SpansTo(lambda _: TAKEN if len(to.requests) < 3 else UNREACHABLE)
    out = dispatch(ledger, to)
    sent = out.send_spans()
    assert (sent.accepted, out.pending) == (len(to.accepted), 1_300 - len(to.accepted))
    to.judge = refusing()
    out.send_spans()
    assert to.accepted == owed


def test_an_exporter_that_gives_no_reason_ends_the_sending(ledger: Ledger) -> None:
    """As one does that was closed."""
    owe(ledger, 10)
    to = SpansTo(lambda _: SendResult(accepted=False))
    assert dispatch(ledger, to).send_spans().reason
    assert len(to.requests) == 1


def test_nothing_more_is_sent_once_it_shall_stop(ledger: Ledger) -> None:
    owe(ledger, 1_300)
    to = SpansTo(refusing())
    dispatch(ledger, to).send_spans(lambda: len(to.requests) == 1)
    assert len(to.requests) == 1


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 900), st.sets(st.integers(0, 899), max_size=12))
def test_only_the_spans_at_fault_are_left_out(count: int, at_fault: set[int]) -> None:
    """Theorem: whichever spans a backend refuses, all others are delivered once and in order, and those at fault are
    owed, left alone until the next start, and delivered then if they are taken."""
    with fresh_ledger() as ledger:
        owed = owe(ledger, count)
        bad = [owed[number] for number in sorted(at_fault) if number < count]
        to = SpansTo(refusing(*bad))
        out = dispatch(ledger, to)
        assert out.send_spans().reason == ""
        assert to.accepted == [each for each in owed if each not in bad]
        assert out.pending == len(bad)
        asked = len(to.requests)
        out.send_spans()
        assert len(to.requests) == asked
        ledger.outbox.release_quarantined()
        to.judge = refusing()
        out.send_spans()
        assert sorted(to.accepted) == sorted(owed)


def test_finding_a_span_at_fault_takes_few_requests(ledger: Ledger) -> None:
    """Halving 400 down to one: nine refusals, and the halves beside them."""
    owed = owe(ledger, 400)
    to = SpansTo(refusing(owed[137]))
    dispatch(ledger, to).send_spans()
    assert len(to.requests) <= 2 * 9 + 1


def test_refused_spans_are_named_in_a_line(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    owed = owe(ledger, 50)
    dispatch(ledger, SpansTo(refusing(owed[10], owed[30]))).send_spans()
    (line,) = caplog.messages
    assert line.startswith("the backend refused 2 spans, the first that of msg_10 (HTTP 400 Bad Request); kept")


def test_a_backend_that_refuses_everything_is_at_fault_itself(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    """No span is left out for it: once it takes them, all are delivered, without a new start."""
    owed = owe(ledger, 1_000)
    to = SpansTo(lambda _: REFUSED)
    out = dispatch(ledger, to)
    assert out.send_spans().reason == REFUSED.reason
    assert len(to.requests) < 60
    assert caplog.messages == []
    to.judge = refusing()
    out.send_spans()
    assert to.accepted == owed


def test_one_refused_before_the_backend_went_wrong_is_left_out(ledger: Ledger) -> None:
    owed = owe(ledger, 1_000)

    def judge(ids: list[str]) -> SendResult:
        return REFUSED if owed[3] in ids or any(each in ids for each in owed[500:]) else TAKEN

    to = SpansTo(judge)
    out = dispatch(ledger, to)
    assert out.send_spans().reason == REFUSED.reason
    to.judge = refusing()
    out.send_spans()
    assert sorted(to.accepted) == sorted(set(owed) - {owed[3]})


def test_what_a_backend_took_without_is_not_sent_again(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    owe(ledger, 10)
    out = dispatch(ledger, SpansTo(lambda _: SendResult(accepted=True, rejected=3, reason="too old")))
    sent = out.send_spans()
    assert (sent.accepted, sent.rejected, out.pending) == (7, 3, 0)
    assert caplog.messages == ["the backend took a request without 3 of 10 spans: too old"]


def test_without_an_exporter_nothing_is_owed(ledger: Ledger) -> None:
    owe(ledger, 10)
    out = dispatch(ledger, None)
    assert (out.send_spans().accepted, out.send_totals().accepted, out.pending) == (0, 0, 0)


def test_series_of_sessions_end_with_the_window(ledger: Ledger) -> None:
    session_metric = semconv.SESSION_TOKEN_USAGE.name
    with ledger.transaction():
        increases = {(session_metric, '{"session.id": "ses_0"}'): Increase(5)}
        new = NewSeries(START_NS, windowed=True)
        ledger.totals.raise_by(increases, now_ns=START_NS, new=new, limit=SeriesLimit(9, "{}"))
    owe(ledger, 1)
    now_ns, to = [START_NS], MetricsTo()
    out = dispatch(ledger, None, to, now_ns=lambda: now_ns[0])
    out.send_totals()
    assert session_metric in to.names()
    now_ns[0] = START_NS + HOUR_NS
    out.send_totals()
    assert session_metric in to.names()
    now_ns[0] += 1
    out.send_totals()
    assert session_metric not in to.names()


def test_both_ways_out_are_closed(ledger: Ledger) -> None:
    to = SpansTo(refusing())
    dispatch(ledger, to, MetricsTo()).close()
    dispatch(ledger, None).close()
    assert to.closed == 1
