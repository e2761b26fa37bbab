"""When the first output of a model call came, if its storage can tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store
from tests.support.made_stores import step_start
from tests.traps.timed_calls import FIRST_CHUNK, MINUTE, NOW, S, bash, begun, call, durations, lasted, put

STORES = ("json", "1.18.33")


@pytest.mark.parametrize("kind", ["text", "reasoning"])
def test_the_first_output_is_the_first_part_of_the_answer(
    agent: Agent, store: Store, arrived: Arrived, kind: str
) -> None:
    of = call("1.14.48")
    first = begun(of, NOW + 1_200, kind, start=NOW + 1_250, end=NOW + 2 * S)
    put(store, of, step_start(of), first, bash(of, NOW + 3 * S, NOW + 3 * S, NOW + 63 * S))
    agent.once()
    assert durations(arrived, FIRST_CHUNK) == (1, 1.25)
    assert arrived.chat().attributes["gen_ai.response.time_to_first_chunk"] == pytest.approx(1.25)


def test_a_tool_call_that_comes_first_is_the_first_output_when_its_part_was_made(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    of = call("1.14.48")
    put(store, of, step_start(of), bash(of, NOW + 2 * S, NOW + 3 * S, NOW + 63 * S))
    agent.once()
    assert durations(arrived, FIRST_CHUNK) == (1, 2)


def test_a_text_whose_start_was_written_at_its_end_began_when_its_part_was_made(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    """So it is in releases up to 1.3 and in later ones."""
    of = call("1.1.27", took=9 * S, finish="stop")
    put(store, of, begun(of, NOW + 700, start=NOW + 8 * S, end=NOW + 8 * S))
    agent.once()
    assert durations(arrived, FIRST_CHUNK) == (1, 0.7)


@pytest.mark.parametrize("after", [None, -MINUTE, MINUTE])
def test_a_first_output_of_unknown_time_is_no_observation(
    agent: Agent, store: Store, arrived: Arrived, after: int | None
) -> None:
    of = call(took=9 * S, finish="stop")
    unknown = begun(of, NOW, start=None if after is None else NOW + after)
    put(store, of, replace(unknown, id="prt_1"), begun(of, NOW + 5 * S, counter=4, start=NOW + 5 * S))
    agent.once()
    assert durations(arrived, FIRST_CHUNK)[0] == 0
    assert "gen_ai.response.time_to_first_chunk" not in arrived.chat().attributes
    assert lasted(arrived, 9)
