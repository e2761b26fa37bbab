"""When a model call of 2.x ended, and when its first output came."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import DatabaseV2, Message, message, session
from tests.traps.timed_calls import DAY, FIRST_CHUNK, MINUTE, NOW, USED, S, durations, lasted


def row(took: int = 63 * S, version: str = "2.0.26", *, content: Any = (), at: int = NOW, **changes: Any) -> Message:
    """A row of 2.x; ``streamed`` is a time, and the other changes are keys of its JSON."""
    times = {"created": at, "completed": at + took}
    if streamed := changes.pop("streamed", None):
        times["streamed"] = streamed
    whole = {"time": times, "content": list(content), "finish": "tool-calls"} | changes
    return message(session(at - 500, version=version), USED, at, changes=whole)


def ran(created: int, at: int, completed: int, **fields: Any) -> dict[str, Any]:
    """A tool call in the content of a row of 2.x."""
    times = {"created": created, "ran": at, "completed": completed}
    return {"type": "tool", "id": "call_1", "name": "shell", "time": times, "state": {"status": "completed"}} | fields


def test_a_call_of_2_x_ends_when_its_answer_had_streamed(agent: Agent, arrived: Arrived) -> None:
    of = row(streamed=NOW + 3 * S, content=[ran(NOW + 2 * S, NOW + 2_500, NOW + 63 * S)])
    DatabaseV2(agent.data_dir / "opencode.db").create().put_turn(of)
    agent.once()
    assert lasted(arrived, 3)


@pytest.mark.parametrize(("after", "expected"), [(-MINUTE, 0), (90 * S, 63)])
def test_a_call_of_2_x_ends_neither_before_its_request_nor_after_its_row(
    agent: Agent, arrived: Arrived, after: int, expected: float
) -> None:
    DatabaseV2(agent.data_dir / "opencode.db").create().put_turn(row(streamed=NOW + after))
    agent.once()
    assert lasted(arrived, expected)


def test_a_call_of_the_history_of_2_x_has_its_duration(agent: Agent, arrived: Arrived) -> None:
    """The row itself says it: no part is read for it."""
    old = NOW - 3 * DAY
    DatabaseV2(agent.data_dir / "opencode.db").create().put_turn(row(at=old, streamed=old + 3 * S))
    agent.once()
    assert lasted(arrived, 3)


def test_a_call_of_a_preview_of_2_x_ends_when_its_first_tool_ran(agent: Agent, arrived: Arrived) -> None:
    searched = ran(NOW + S, NOW + S, NOW + 2 * S, executed=True)
    of = row(content=[searched, ran(NOW + 2 * S, NOW + 3 * S, NOW + 63 * S)])
    DatabaseV2(agent.data_dir / "opencode.db").create().put_turn(of)
    agent.once()
    assert lasted(arrived, 3)


def test_a_call_of_a_preview_of_2_x_without_tools_ends_with_its_row(agent: Agent, arrived: Arrived) -> None:
    of = row(took=9 * S, finish="stop", content=[{"type": "text", "text": "Hello."}])
    DatabaseV2(agent.data_dir / "opencode.db").create().put_turn(of)
    agent.once()
    assert lasted(arrived, 9)


def test_no_duration_is_counted_of_a_call_that_only_the_import_into_2_x_tells_of(
    agent: Agent, arrived: Arrived
) -> None:
    """Its completion is when the row of 1.x was last written to: here ten days later."""
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    new.put_turn(row(took=10 * DAY, at=NOW - 11 * DAY, version="1.18.33", finish="stop"))
    agent.once()
    assert durations(arrived)[0] == 0
    assert arrived.holds(tokens=USED, messages=1, spans=1)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ({"type": "reasoning", "text": "?", "time": {"created": NOW + 1_200, "completed": NOW + 2 * S}}, 1.2),
        (ran(NOW + 2 * S, NOW + 2_500, NOW + 63 * S), 2),
        ({"type": "text", "text": "Hello."}, None),
        ({"type": "reasoning", "text": "?"}, None),
        ({"type": "reasoning", "time": {"created": NOW - 1}}, None),
        ({"type": "reasoning", "time": {"created": NOW + 5 * S}}, None),
        ("reasoning", None),
    ],
)
def test_the_first_output_of_2_x_is_the_first_item_of_the_answer_if_it_has_a_time(
    agent: Agent, arrived: Arrived, first: Any, expected: float | None
) -> None:
    of = row(streamed=NOW + 3 * S, content=[first, ran(NOW + 2_800, NOW + 2_900, NOW + 63 * S)])
    DatabaseV2(agent.data_dir / "opencode.db").create().put_turn(of)
    agent.once()
    assert durations(arrived, FIRST_CHUNK) == ((0, 0) if expected is None else (1, expected))
    assert lasted(arrived, 3)


def test_the_first_output_of_a_large_row_of_2_x_is_known(agent: Agent, arrived: Arrived) -> None:
    """SQLite takes the fields that we use out of a row of more than 64 kB."""
    thought = {"type": "reasoning", "text": "x" * 200_000, "time": {"created": NOW + 1_200}}
    DatabaseV2(agent.data_dir / "opencode.db").create().put_turn(row(streamed=NOW + 3 * S, content=[thought]))
    agent.once()
    assert durations(arrived, FIRST_CHUNK) == (1, 1.2)
    assert lasted(arrived, 3)
