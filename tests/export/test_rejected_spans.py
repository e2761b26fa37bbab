"""Rows of spans that the backend rejects for good, and endpoints that reject everything."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.export.outcomes import Outcomes
from otel_agent.export.span_export import SpanExport
from otel_agent.ledger.writer import Ledger
from otel_agent.model import SendResult, Session, Turn
from otel_agent.otlp.resource import emitter
from tests.export.fakes import SpansTo
from tests.support.records import START_NS, call, enter

ACCEPTED = SendResult(accepted=True)
REJECTED = SendResult(accepted=False, permanent=True, reason="HTTP 400 Bad Request")


class Turns:
    """A backend that rejects each request with the span of a turn in it, as long as `rejects` is set."""

    def __init__(self) -> None:
        self.rejects = True
        self.accepted: list[str] = []

    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        names = [span.name for span in spans]
        if self.rejects and any(name.startswith("invoke_agent") for name in names):
            return REJECTED
        self.accepted += names
        return ACCEPTED

    def close(self) -> None: ...


def exporting(ledger: Ledger, backend: SpansTo | Turns) -> SpanExport:
    outcomes = Outcomes(ledger, lambda: START_NS)
    return SpanExport(ledger, backend, outcomes, emitter=emitter("here"), titles=False)


def rejecting(at_fault: set[str]) -> SpansTo:
    return SpansTo(lambda ids: REJECTED if set(ids) & at_fault else ACCEPTED)


@pytest.mark.parametrize("first", [0, 3, 470])
def test_a_long_row_of_spans_at_fault_holds_up_none_behind_it(ledger: Ledger, first: int) -> None:
    """More in a row than make the endpoint suspect, wherever they are in the outbox."""
    enter(ledger, *(call(number) for number in range(500)))
    at_fault = {f"msg_{number}" for number in range(first, first + 25)}
    backend = rejecting(at_fault)
    export = exporting(ledger, backend)
    for _ in range(3):
        export.send()
    assert set(backend.accepted) == {f"msg_{number}" for number in range(500)} - at_fault
    assert len(backend.accepted) == len(set(backend.accepted)), "each once"


def test_an_endpoint_that_rejects_every_span_costs_one_request_at_each_further_try(ledger: Ledger) -> None:
    enter(ledger, *(call(number) for number in range(500)))
    backend = SpansTo(lambda _: REJECTED)
    export = exporting(ledger, backend)
    export.send()
    for _ in range(5):
        before = len(backend.requests)
        assert export.send().reason == REJECTED.reason
        assert len(backend.requests) == before + 1
    backend.judge = lambda _: ACCEPTED
    export.send()
    assert sorted(backend.accepted) == sorted(f"msg_{number}" for number in range(500))


def test_turns_that_an_endpoint_at_fault_rejected_are_sent_without_a_new_start(ledger: Ledger) -> None:
    with ledger.transaction():
        for number in range(30):
            changes = ledger.messages.record([call(number)], [Session(call(number).session_id)], count_from_ms=0)
            turn = call(number).turn
            ledger.turns.begin([(Turn(turn, turn, "", call(number).created_ms), changes)])
            ledger.turns.end([turn])
    backend = Turns()
    export = exporting(ledger, backend)
    export.send()
    assert len(backend.accepted) == 30, "the model calls"
    assert export.pending == 30
    backend.rejects = False
    export.send()
    assert export.pending == 0
    assert sum(name.startswith("invoke_agent") for name in backend.accepted) == 30
