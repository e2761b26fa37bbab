"""The facts that follow from a message's record: its end, its turn, and whether it counts."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from otel_agent.model import (
    KILLED,
    Answer,
    Calls,
    Generation,
    Message,
    Outcome,
    Overlap,
    Tokens,
    ToolCall,
    UsageSource,
    without_overlap,
)

CREATED, RESPONDED, COMPLETED = 1_000, 4_000, 9_000
WHOLE = Message(
    id="msg_1",
    session_id="ses_1",
    generation=Generation.V1,
    created_ms=CREATED,
    completed_ms=COMPLETED,
    provider="anthropic",
    model="claude",
    agent="build",
    tokens=Tokens(1, 2, 3, 4, 5),
    overlap=Overlap(),
    cost_nusd=1,
    turn_id="msg_0",
    finish="stop",
)


def made(**fields: Any) -> Message:
    return replace(WHOLE, **fields)


@pytest.mark.parametrize(
    ("error_type", "outcome"),
    [
        ("", Outcome.OK),
        ("APIError", Outcome.ERROR),
        ("MessageAbortedError", Outcome.ABORTED),
        ("aborted", Outcome.ABORTED),
        (KILLED, Outcome.ABORTED),
    ],
)
def test_the_type_of_error_says_how_a_message_ended(error_type: str, outcome: Outcome) -> None:
    assert made(error_type=error_type).outcome is outcome


@pytest.mark.parametrize(
    ("fields", "answered_ms"),
    [
        ({}, COMPLETED),
        ({"response_ms": RESPONDED}, RESPONDED),
        ({"finish": "tool-calls"}, None),
        ({"finish": "tool-calls", "response_ms": RESPONDED}, RESPONDED),
        ({"finish": ""}, None),
        ({"finish": "", "error_type": "APIError"}, COMPLETED),
        ({"finish": "", "error_type": "MessageAbortedError"}, None),
        ({"generation": Generation.V2}, None),
        ({"completed_ms": None}, None),
    ],
    ids=str,
)
def test_the_answer_had_arrived_at_the_completion_only_if_no_tool_can_have_run(
    fields: dict[str, Any], answered_ms: int | None
) -> None:
    assert made(**fields).answered_ms == answered_ms


@pytest.mark.parametrize(
    ("fields", "ended_ms"),
    [
        ({}, COMPLETED),
        ({"finish": "tool-calls"}, COMPLETED),
        ({"finish": "tool-calls", "response_ms": RESPONDED}, RESPONDED),
        ({"finish": "", "error_type": KILLED}, CREATED),
        ({"finish": "", "error_type": KILLED, "response_ms": RESPONDED}, RESPONDED),
        ({"completed_ms": None}, CREATED),
    ],
    ids=str,
)
def test_a_killed_call_ends_when_it_began_and_not_when_the_next_start_closed_it(
    fields: dict[str, Any], ended_ms: int
) -> None:
    assert made(**fields).call_ended_ms == ended_ms


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ({}, True),
        ({"finish": "tool-calls"}, False),
        ({"finish": "unknown"}, False),
        ({"finish": ""}, False),
        ({"finish": "tool-calls", "error_type": "APIError"}, True),
        ({"finish": "", "turn_id": ""}, True),
        ({"generation": Generation.V2}, False),
        ({"generation": Generation.V2, "turn_id": ""}, True),
        ({"generation": Generation.V2, "turn_id": "", "finish": "tool-calls"}, False),
        ({"generation": Generation.V2, "turn_id": "", "source": UsageSource.COMPACTION, "finish": ""}, True),
        ({"generation": Generation.V2, "source": UsageSource.COMPACTION}, False),
    ],
    ids=str,
)
def test_a_turn_ends_with_an_error_or_with_a_finish_after_which_nobody_asks_again(
    fields: dict[str, Any], ends: bool
) -> None:
    """In 2.x a row of its own says it, except of what is in nobody's turn."""
    assert made(**fields).ends_turn is ends


@pytest.mark.parametrize(
    ("fields", "has_usage"),
    [
        ({}, True),
        ({"finish": ""}, False),
        ({"finish": "", "turn_id": ""}, True),
        ({"finish": "", "turn_id": "", "generation": Generation.V2}, False),
        ({"tokens": Tokens()}, False),
    ],
    ids=str,
)
def test_without_completion_a_message_counts_only_if_it_has_tokens_and_an_end(
    fields: dict[str, Any], has_usage: bool
) -> None:
    assert made(completed_ms=None, **fields).has_usage is has_usage


@pytest.mark.parametrize(
    ("turn_id", "generation", "whole"),
    [
        ("", Generation.TREE, True),
        ("", Generation.V1, True),
        ("", Generation.V2, False),
        ("msg_0", Generation.V1, False),
    ],
)
def test_only_a_message_of_0_x_is_a_whole_turn(turn_id: str, generation: Generation, whole: bool) -> None:
    assert made(turn_id=turn_id, generation=generation).is_whole_turn is whole


def test_the_project_is_the_worktree_or_outside_any_the_directory() -> None:
    assert made(worktree="/w", directory="/w/src").project_directory == "/w"
    assert made(worktree="/", directory="/tmp/x").project_directory == "/tmp/x"
    assert made(worktree="", directory="").project_directory == ""


def test_what_is_counted_twice_is_taken_from_input_and_from_output() -> None:
    assert without_overlap(Tokens(100, 50, 20, 30, 7), Overlap(30, 20)) == Tokens(70, 30, 20, 30, 7)
    assert without_overlap(Tokens(100, 50, 20, 30, 7), Overlap(0, 20)) == Tokens(100, 30, 20, 30, 7)
    assert without_overlap(Tokens(100, 50, 20, 30, 7), Overlap(30, 0)) == Tokens(70, 50, 20, 30, 7)
    assert without_overlap(Tokens(100, 50, 20, 30, 7), Overlap()) == Tokens(100, 50, 20, 30, 7)


CALL = ToolCall("prt_1", "call_1", "bash", Outcome.OK, 1, 2)
OTHER = replace(CALL, tool="edit")


def test_calls_of_two_stores_are_joined_and_the_first_that_knows_something_is_right() -> None:
    found = Calls({"msg_1": [CALL]}, began_ms={"msg_0": 5})
    found.add(
        Calls(
            {"msg_1": [OTHER], "msg_2": [OTHER]},
            answers={"msg_2": Answer(1, 2, 3)},
            began_ms={"msg_0": 6, "msg_9": 7},
            ended={"msg_9"},
        )
    )
    found.add(Calls())
    assert found == Calls(
        {"msg_1": [CALL], "msg_2": [OTHER]},
        answers={"msg_2": Answer(1, 2, 3)},
        began_ms={"msg_0": 5, "msg_9": 7},
        ended={"msg_9"},
    )


def test_a_message_gets_the_times_of_its_answer_and_the_larger_number_of_retries() -> None:
    calls = Calls(answers={"msg_1": Answer(RESPONDED, 2_000, 1)})
    timed = calls.timed(made(retries=3))
    assert (timed.response_ms, timed.first_output_ms, timed.retries) == (RESPONDED, 2_000, 3)
    assert calls.timed(made(retries=0)).retries == 1
    assert calls.timed(made(id="msg_2")) == made(id="msg_2")
