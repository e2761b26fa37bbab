"""What the backend leaves out of a request that it accepts is counted, and never more than was sent."""

from __future__ import annotations

import pytest

from otel_agent import semconv
from otel_agent.export.outcomes import Outcomes
from otel_agent.export.span_export import SPANS_PER_REQUEST, of_one_request
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Outcome, SendResult, ToolCall
from otel_agent.semconv.attributes import Attr
from tests.export.fakes import SpansTo
from tests.export.test_span_export import span_export
from tests.support.records import START_NS, T0, call, enter


def rejected(outcomes: Outcomes) -> dict[object, int | float]:
    """The number of rejected items of each signal."""
    return {
        each.attributes[Attr.SIGNAL]: each.value
        for each in outcomes.observations()
        if each.metric == semconv.REJECTED_COUNT.name
    }


@pytest.mark.parametrize(
    ("said", "sent", "accepted", "left_out"), [(0, 5, 5, 0), (2, 5, 3, 2), (5, 5, 0, 5), (9, 5, 0, 5)]
)
def test_no_more_than_was_sent_is_left_out(ledger: Ledger, said: int, sent: int, accepted: int, left_out: int) -> None:
    """A backend may say any number: neither ours falls below zero."""
    outcomes = Outcomes(ledger, lambda: START_NS)
    summary = outcomes.summarize("traces", SendResult(accepted=True, rejected=said, reason="too old"), sent)
    assert (summary.accepted, summary.rejected) == (accepted, left_out)
    assert rejected(outcomes) == {"metrics": 0, "traces": left_out}


def test_what_was_left_out_is_added_up_since_the_start(ledger: Ledger) -> None:
    outcomes = Outcomes(ledger, lambda: START_NS)
    for number in (1, 2):
        outcomes.summarize("metrics", SendResult(accepted=True, rejected=number, reason="too old"), 10)
    assert rejected(outcomes) == {"metrics": 3, "traces": 0}


def put_long_message(ledger: Ledger) -> None:
    """Enter a message with so many tool calls that it takes several requests."""
    calls = [
        ToolCall(f"prt_{number}", f"call_{number}", "bash", Outcome.OK, T0, T0 + 1)
        for number in range(2 * SPANS_PER_REQUEST)
    ]
    (change,) = enter(ledger, call(0))
    with ledger.transaction():
        ledger.outbox.add_calls(change.number, calls)


def test_a_message_with_more_spans_than_a_request_takes_is_not_left_for_ever(ledger: Ledger) -> None:
    """This comes before the next test, in which an agent that chooses nothing would go on for ever."""
    put_long_message(ledger)
    (pending,) = ledger.outbox.oldest(SPANS_PER_REQUEST)
    assert pending.spans == 2 * SPANS_PER_REQUEST + 1
    assert of_one_request([pending]) == [pending]


def test_what_each_request_of_one_message_leaves_out_is_added_up(ledger: Ledger) -> None:
    """A message with very many tool calls takes several requests. The backend keeps all but one span of each."""
    put_long_message(ledger)
    backend = SpansTo(lambda _: SendResult(accepted=True, rejected=1, reason="too old"))
    summary = span_export(ledger, backend).send()
    assert len(backend.requests) == 3
    assert (summary.accepted, summary.rejected) == (2 * SPANS_PER_REQUEST + 1 - 3, 3)
