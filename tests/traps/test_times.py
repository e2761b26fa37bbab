"""When a model call ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store
from tests.support.made_stores import Database, JsonTree, fork_copy, session, step_finish, step_start
from tests.support.otlp_receiver.behaviours import unauthorized
from tests.traps.timed_calls import (
    DAY,
    FIRST_CHUNK,
    MINUTE,
    NOW,
    USED,
    S,
    bash,
    begun,
    call,
    durations,
    lasted,
    made,
    put,
    seconds,
)

STORES = ("json", "1.18.33")


def test_a_model_call_ends_when_its_first_tool_begins(agent: Agent, store: Store, arrived: Arrived) -> None:
    of = call("1.1.27")
    later = bash(of, NOW + 4 * S, NOW + 4 * S, NOW + 6 * S, "read", 5)
    put(store, of, step_start(of), bash(of, NOW + 3 * S, NOW + 3 * S, NOW + 63 * S), later)
    agent.once()
    assert lasted(arrived, 3)


def test_a_model_call_without_tools_ends_when_its_step_was_finished(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    of = call(took=9 * S, finish="stop")
    put(store, of, step_start(of), made(step_finish(of, USED), NOW + 5 * S))
    agent.once()
    assert lasted(arrived, 5)


def test_a_model_call_that_was_broken_off_before_its_tools_ends_with_its_message(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    of = call(took=4 * S, finish=None, changes={"error": {"name": "MessageAbortedError"}})
    put(store, of, step_start(of), begun(of, NOW + S, start=NOW + S))
    agent.once()
    assert lasted(arrived, 4)


@pytest.mark.parametrize("after", [-MINUTE, 90 * S])
def test_an_answer_ends_neither_before_its_request_nor_after_its_message(
    agent: Agent, store: Store, arrived: Arrived, after: int
) -> None:
    of = call(took=9 * S, finish="stop")
    put(store, of, step_start(of), made(step_finish(of, USED), NOW + after))
    agent.once()
    assert lasted(arrived, 9)


def test_a_tool_that_the_provider_runs_ends_no_answer(agent: Agent, database: Database, arrived: Arrived) -> None:
    of = call(took=9 * S, finish="stop")
    search = bash(of, NOW + S, NOW + S, NOW + 3 * S, "web_search")
    search = replace(search, body={**search.body, "metadata": {"providerExecuted": True}})
    put(database, of, search, made(step_finish(of, USED), NOW + 8 * S))
    agent.once()
    assert lasted(arrived, 8)


def test_no_duration_is_counted_if_the_history_cannot_tell_the_answer_from_its_tools(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    """The parts of the history are not read. The span must end somewhere; it ends with the message."""
    old = NOW - 3 * DAY
    of = call(at=old)
    put(store, of, bash(of, old + 3 * S, old + 3 * S, old + 63 * S))
    store.put_turn(call(at=old + MINUTE, took=2 * S, finish="stop"))
    agent.once()
    assert durations(arrived) == (1, 2), "a final answer has no tools behind it"
    assert durations(arrived, FIRST_CHUNK)[0] == 0
    assert sorted(seconds(span) for span in arrived.chats()) == pytest.approx([2, 63])
    assert arrived.messages() == 2


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({"finish": ...}, 0),
        ({"finish": "unknown"}, 0),
        ({"finish": ..., "error": {"name": "MessageAbortedError"}}, 0),
        ({"finish": ..., "error": {"name": "APIError"}}, 1),
        ({"finish": "length"}, 1),
    ],
)
def test_the_history_counts_a_duration_only_if_no_tool_can_be_in_it(
    agent: Agent, store: Store, arrived: Arrived, changes: dict[str, Any], counted: int
) -> None:
    store.put_turn(call(at=NOW - 3 * DAY, changes=changes))
    agent.once()
    assert durations(arrived)[0] == counted


def test_a_copy_that_counts_at_the_end_of_the_pass_brings_the_times_of_its_answer(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """It had to wait, and its parts are read when it is decided."""
    copy = fork_copy(call("1.2.6"), session(NOW + MINUTE, counter=2, version="1.2.6"), NOW + MINUTE)
    put(database, copy, bash(copy, NOW + MINUTE, NOW + 3 * S, NOW + 63 * S))
    agent.once()
    assert lasted(arrived, 3)


def test_spans_that_are_sent_after_a_restart_agree_with_the_histogram(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    of = call("1.1.27")
    put(store, of, begun(of, NOW + S, start=NOW + S), bash(of, NOW + 3 * S, NOW + 3 * S, NOW + 63 * S))
    arrived.receiver.behave(then=unauthorized(), signal="traces")
    assert agent.attempt().returncode == 3
    assert durations(arrived) == (1, 3)
    arrived.receiver.behave()
    agent.once()
    assert seconds(arrived.chat()) == pytest.approx(3)
    assert arrived.chat().attributes["gen_ai.response.time_to_first_chunk"] == pytest.approx(1)


def test_turns_of_0_x_have_no_duration_of_a_model_call_if_tools_ran(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    """One message holds several calls of the model, with their tools in between."""
    silent = {"parentID": ..., "finish": ...}
    of = call("0.15.31", changes=silent)
    quick = call("0.15.31", at=NOW + 2 * MINUTE, took=2 * S, changes=silent)
    put(tree, of, step_start(of), bash(of, NOW + 3 * S, NOW + 3 * S, NOW + 63 * S))
    put(tree, quick, step_start(quick), made(step_finish(quick, USED), NOW + 2 * MINUTE + 2 * S))
    agent.once()
    assert durations(arrived) == (1, 2)
