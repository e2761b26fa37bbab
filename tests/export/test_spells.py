"""A spell in which the backend rejects everything: the few spans of that time are not at fault."""

from __future__ import annotations

import pytest

from otel_agent.export.outcomes import Outcomes
from otel_agent.export.span_export import SpanExport
from otel_agent.ledger.writer import Ledger
from otel_agent.model import SendResult
from otel_agent.otlp.resource import emitter
from tests.export.fakes import SpansTo
from tests.support.records import START_NS, call, enter

ACCEPTED = SendResult(accepted=True)
REJECTED = SendResult(accepted=False, permanent=True, reason="HTTP 400 Bad Request")


def exporting(ledger: Ledger, backend: SpansTo) -> SpanExport:
    outcomes = Outcomes(ledger, lambda: START_NS)
    return SpanExport(ledger, backend, outcomes, emitter=emitter("here"), titles=False)


@pytest.mark.parametrize("spans", [1, 2, 19])
def test_few_spans_of_a_spell_are_delivered_after_it(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, spans: int
) -> None:
    enter(ledger, *(call(number) for number in range(spans)))
    backend = SpansTo(lambda _: REJECTED)
    export = exporting(ledger, backend)
    for _ in range(3):
        assert export.send().broken_off
    assert caplog.messages == [], "no span is said to be at fault"
    assert ledger.queries.quarantined() == 0
    (state,) = ledger.queries.deliveries()
    assert state.reason == REJECTED.reason
    backend.judge = lambda _: ACCEPTED
    assert export.send().accepted == spans
    assert export.pending == 0
    assert ledger.queries.deliveries()[0].failing_ms is None


def test_a_spell_costs_one_request_at_each_further_try(ledger: Ledger) -> None:
    enter(ledger, *(call(number) for number in range(8)))
    backend = SpansTo(lambda _: REJECTED)
    export = exporting(ledger, backend)
    export.send()
    before = len(backend.requests)
    export.send()
    export.send()
    assert len(backend.requests) == before + 2


@pytest.mark.parametrize("at_fault", [1, 3])
def test_spans_at_fault_hold_up_none_that_comes_later_and_are_quarantined_then(ledger: Ledger, at_fault: int) -> None:
    """They were alone at first, so that the endpoint was suspected."""
    bad = {f"msg_{number}" for number in range(at_fault)}
    enter(ledger, *(call(number) for number in range(at_fault)))
    backend = SpansTo(lambda ids: REJECTED if set(ids) & bad else ACCEPTED)
    export = exporting(ledger, backend)
    for _ in range(4):
        export.send()
    enter(ledger, call(50))
    export.send()
    assert backend.accepted == ["msg_50"]
    assert ledger.queries.quarantined() == export.pending == at_fault
    asked = len(backend.requests)
    assert export.send().reason == ""
    assert len(backend.requests) == asked, "not tried again before the next start"
