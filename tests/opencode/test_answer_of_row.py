"""When an answer of 2.x arrived, and when it began. A killed call is closed by the next start of OpenCode."""

from __future__ import annotations

from typing import Any

from otel_agent.model import KILLED, Generation, Message, Tokens
from otel_agent.opencode.answer_of_row import streamed_answer, with_answer
from tests.support.records import T0, call

NEXT_START = T0 + 86_400_000
THOUGHT = {"type": "reasoning", "time": {"created": T0 + 1_000}}
SEARCH = {"type": "tool", "executed": True, "time": {"created": T0 + 2_000, "ran": T0 + 2_500, "completed": NEXT_START}}


def answered(error: str, *items: dict[str, Any]) -> Message:
    closed = call(0, Tokens(), generation=Generation.V2, finish="", error_type=error, completed_ms=NEXT_START)
    return with_answer(closed, None, list(items), imported=False)


def test_a_killed_call_ended_with_the_last_thing_that_it_wrote() -> None:
    """The completion of its tool is none of that: the next start sets it."""
    assert answered(KILLED, THOUGHT, SEARCH).response_ms == T0 + 2_500
    assert answered(KILLED, THOUGHT).response_ms == T0 + 1_000


def test_nobody_knows_when_a_killed_call_that_left_nothing_ended() -> None:
    assert answered(KILLED).response_ms is None
    assert answered(KILLED, {"type": "text"}).response_ms is None


def test_a_streamed_answer_began_with_its_first_item() -> None:
    """2.x says of a tool when the model began to write its call. Only the import gives it the time at which it ran."""
    tool = {"type": "tool", "time": {"created": T0 + 700, "ran": T0 + 900}}
    assert streamed_answer(T0, T0 + 5_000, T0 + 2_000, [tool]) == (T0 + 2_000, T0 + 700)
    assert streamed_answer(T0, T0 + 5_000, T0 + 2_000, [THOUGHT, tool]) == (T0 + 2_000, T0 + 1_000)
    assert streamed_answer(T0, T0 + 5_000, T0 + 2_000, [{"type": "text"}, tool]) == (T0 + 2_000, None)


def test_an_answer_arrived_within_its_call() -> None:
    assert streamed_answer(T0, T0 + 5_000, T0 + 9_000, [THOUGHT]) == (T0 + 5_000, T0 + 1_000)
    assert streamed_answer(T0 + 1_500, None, T0 + 100, [THOUGHT]) == (T0 + 1_500, None)
