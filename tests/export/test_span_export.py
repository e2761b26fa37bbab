"""Pending spans, towards a backend that accepts all of them, some, or none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_agent.delivery.ports import SpanDelivery
from otel_agent.export.outcomes import Outcomes
from otel_agent.export.send_summary import SendSummary
from otel_agent.export.span_export import SpanExport
from otel_agent.ledger.writer import Ledger
from otel_agent.model import SendResult, Turn
from otel_agent.otlp.resource import emitter
from tests.export.fakes import SpansTo
from tests.support.ledgers import fresh_ledger
from tests.support.records import START_NS, call, enter

ACCEPTED = SendResult(accepted=True)
REJECTED = SendResult(accepted=False, permanent=True, reason="HTTP 400 Bad Request")
UNREACHABLE = SendResult(accepted=False, reason="nothing answers there")

Judge = Callable[[list[str]], SendResult]


def span_export(ledger: Ledger, delivery: SpanDelivery | None) -> SpanExport:
    outcomes = Outcomes(ledger, lambda: START_NS)
    return SpanExport(ledger, delivery, outcomes, emitter=emitter("here"), titles=False)


def add_pending(ledger: Ledger, count: int) -> list[str]:
    """That many pending spans. Returns their messages' ids, oldest first."""
    enter(ledger, *(call(number) for number in range(count)))
    return [f"msg_{number}" for number in range(count)]


def rejecting(*at_fault: str) -> Judge:
    """A backend that rejects every request with one of these messages in it, and accepts all others."""
    return lambda ids: REJECTED if set(ids) & set(at_fault) else ACCEPTED


def test_all_pending_spans_are_sent_in_order_and_once(ledger: Ledger) -> None:
    pending = add_pending(ledger, 1_300)
    backend = SpansTo(rejecting())
    export = span_export(ledger, backend)
    assert export.send() == SendSummary(accepted=1_300)
    assert backend.accepted == pending
    assert max(map(len, backend.requests)) <= 512
    assert export.pending == 0
    assert export.send() == SendSummary()


def test_a_backend_that_is_away_is_asked_once_and_costs_nothing(ledger: Ledger) -> None:
    pending = add_pending(ledger, 1_300)
    backend = SpansTo(lambda _: UNREACHABLE)
    export = span_export(ledger, backend)
    assert export.send().reason == "nothing answers there"
    assert len(backend.requests) == 1
    assert export.pending == 1_300
    backend.judge = rejecting()
    export.send()
    assert backend.accepted == pending


def test_what_a_backend_accepted_before_it_went_away_is_not_sent_again(ledger: Ledger) -> None:
    pending = add_pending(ledger, 1_300)
    backend = SpansTo(lambda _: ACCEPTED if len(backend.requests) < 3 else UNREACHABLE)
    export = span_export(ledger, backend)
    assert export.send().accepted == len(backend.accepted)
    assert export.pending == 1_300 - len(backend.accepted)
    backend.judge = rejecting()
    export.send()
    assert backend.accepted == pending


def test_an_exporter_that_gives_no_reason_ends_the_sending(ledger: Ledger) -> None:
    """A closed one does so."""
    add_pending(ledger, 10)
    backend = SpansTo(lambda _: SendResult(accepted=False))
    assert span_export(ledger, backend).send().reason == "it was not accepted"
    assert len(backend.requests) == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 900), st.sets(st.integers(0, 899), max_size=12))
def test_only_the_spans_at_fault_are_quarantined(count: int, at_fault: set[int]) -> None:
    """Theorem: whichever spans a backend rejects, it gets all others once and in order. Those at fault are left alone
    until the next start, and delivered then if they are accepted. If it rejects all of them, it is at fault itself."""
    with fresh_ledger() as ledger:
        pending = add_pending(ledger, count)
        bad = [pending[number] for number in sorted(at_fault) if number < count]
        backend = SpansTo(rejecting(*bad))
        export = span_export(ledger, backend)
        assert export.send().reason == (REJECTED.reason if bad == pending else "")
        assert backend.accepted == [each for each in pending if each not in bad]
        assert export.pending == len(bad)
        asked = len(backend.requests)
        export.send()
        assert len(backend.requests) == asked + (bad == pending)
        ledger.outbox.release_quarantined()
        backend.judge = rejecting()
        export.send()
        assert sorted(backend.accepted) == sorted(pending)


def test_finding_a_span_at_fault_takes_few_requests(ledger: Ledger) -> None:
    """Halving 400 down to one takes nine rejections, and the halves beside them."""
    pending = add_pending(ledger, 400)
    backend = SpansTo(rejecting(pending[137]))
    span_export(ledger, backend).send()
    assert len(backend.requests) <= 2 * 9 + 1


def test_rejected_spans_are_named_in_one_line(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    pending = add_pending(ledger, 50)
    span_export(ledger, SpansTo(rejecting(pending[10], pending[30]))).send()
    (line,) = caplog.messages
    assert line.startswith("the backend rejected 2 spans, the first of message msg_10 (HTTP 400 Bad Request); ")
    assert line.endswith("quarantined until the next start")


def test_a_backend_that_rejects_everything_is_at_fault_itself(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    """No span is quarantined for it: once the backend accepts them, all are delivered, without a new start."""
    pending = add_pending(ledger, 1_000)
    backend = SpansTo(lambda _: REJECTED)
    export = span_export(ledger, backend)
    assert export.send().reason == REJECTED.reason
    assert len(backend.requests) < 60
    assert caplog.messages == []
    backend.judge = rejecting()
    export.send()
    assert backend.accepted == pending


def add_turns(ledger: Ledger, count: int) -> None:
    """That many pending turns; the spans of their messages were accepted before."""
    calls = [call(number) for number in range(count)]
    changes = enter(ledger, *calls)
    with ledger.transaction():
        ledger.turns.begin(
            (Turn(change.message.turn, change.message.turn, "", change.message.created_ms), [change])
            for change in changes
        )
        ledger.outbox.mark_accepted(entry for entry in ledger.outbox.oldest(2 * count) if not entry.of_turn)


def test_turns_that_a_wrong_endpoint_rejects_are_sent_again_without_a_new_start(ledger: Ledger) -> None:
    """More of them in a row than spans can be at fault."""
    add_turns(ledger, 50)
    backend = SpansTo(rejecting(), lambda _: REJECTED)
    export = span_export(ledger, backend)
    assert export.send().reason == REJECTED.reason
    assert export.pending == 50
    backend.judge_turns = lambda _: ACCEPTED
    assert export.send() == SendSummary(accepted=50)
    assert export.pending == 0


def test_a_turn_at_fault_waits_for_the_next_start_and_holds_up_no_other(ledger: Ledger) -> None:
    add_turns(ledger, 8)
    alone: list[int] = []

    def third_alone(spans: int) -> SendResult:
        if spans > 1:
            return REJECTED
        alone.append(spans)
        return REJECTED if len(alone) == 3 else ACCEPTED

    backend = SpansTo(rejecting(), third_alone)
    export = span_export(ledger, backend)
    assert export.send() == SendSummary(accepted=7)
    assert export.pending == 1
    backend.judge_turns = lambda _: ACCEPTED
    assert export.send() == SendSummary(), "it is not tried again before the next start"
    ledger.outbox.release_quarantined()
    assert export.send() == SendSummary(accepted=1)


def test_a_span_that_was_rejected_before_the_backend_went_wrong_stays_quarantined(ledger: Ledger) -> None:
    pending = add_pending(ledger, 1_000)
    backend = SpansTo(rejecting(pending[3], *pending[500:]))
    export = span_export(ledger, backend)
    assert export.send().reason == REJECTED.reason
    backend.judge = rejecting()
    export.send()
    assert sorted(backend.accepted) == sorted(set(pending) - {pending[3]})


def test_spans_that_a_partial_success_rejects_are_logged_and_not_sent_again(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    add_pending(ledger, 10)
    export = span_export(ledger, SpansTo(lambda _: SendResult(accepted=True, rejected=3, reason="too old")))
    assert export.send() == SendSummary(accepted=7, rejected=3)
    assert export.pending == 0
    assert caplog.messages == ["the backend accepted a request without 3 of its 10 spans: too old"]


def test_without_an_exporter_for_spans_none_is_pending(ledger: Ledger) -> None:
    add_pending(ledger, 10)
    export = span_export(ledger, None)
    assert export.send() == SendSummary()
    assert export.pending == 0


def test_closing_closes_the_delivery_if_there_is_one(ledger: Ledger) -> None:
    backend = SpansTo(rejecting())
    span_export(ledger, backend).close()
    span_export(ledger, None).close()
    assert backend.closed == 1
