"""What is entered comes back from the tables as it was."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from otel_agent.ledger.writer import Ledger
from otel_agent.model import Generation, Outcome, Overlap, ToolCall, UsageSource
from tests.support.records import T0, call, copy_of, end_pass, enter


@pytest.mark.parametrize(
    "rare",
    [
        {},
        {"error_type": "APIError"},
        {"source": UsageSource.COMPACTION},
        {"response_ms": T0 + 1},
        {"first_output_ms": T0 + 1},
        {"retries": 2},
        {"variant": "high"},
        {"overlap": Overlap(50, 5)},
        {"generation": Generation.V2},
        {"finish": "", "turn_id": ""},
    ],
    ids=lambda fields: next(iter(fields), "plain"),
)
def test_a_message_comes_back_as_it_was_entered(ledger: Ledger, rare: dict[str, Any]) -> None:
    """Most messages of a history have nothing of this, and are entered with fewer values."""
    rows = [replace(call(0), **rare), call(1)]
    enter(ledger, *rows)
    assert [entry.message for entry in ledger.outbox.oldest(10)] == rows


def test_a_message_that_called_no_model_comes_back_as_it_was_entered(ledger: Ledger) -> None:
    shell = replace(call(0), calls_model=False)
    (change,) = enter(ledger, shell)
    with ledger.transaction():
        ledger.outbox.add_calls(change.number, [ToolCall("prt_1", "call_1", "bash", Outcome.OK, T0, T0 + 1)])
    assert [entry.message for entry in ledger.outbox.oldest(10)] == [shell]


def test_a_copy_without_an_original_comes_back_as_it_was_entered(ledger: Ledger) -> None:
    copy = copy_of(call(0), 1)
    enter(ledger, copy)
    end_pass(ledger)
    assert copy.copied
    assert [entry.message for entry in ledger.outbox.oldest(10)] == [copy]
