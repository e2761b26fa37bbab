"""When a tool call began: the release of its session decides whether it says so itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store
from tests.support.made_stores import Database, session
from tests.traps.timed_calls import MINUTE, NOW, S, bash, call, lasted, put, seconds, tool_span

STORES = ("json", "1.18.33")


def test_a_tool_call_of_1_17_and_later_begins_when_its_part_was_made(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """These releases rewrite the start with each piece of output."""
    of = call("1.17.0")
    put(database, of, bash(of, NOW + 3 * S, NOW + 63 * S - 10, NOW + 63 * S))
    agent.once()
    assert seconds(tool_span(arrived)) == pytest.approx(60)
    assert lasted(arrived, 3)


def test_a_tool_call_of_a_release_before_1_17_begins_when_it_says(agent: Agent, store: Store, arrived: Arrived) -> None:
    """The model wrote its arguments for a minute, and then it ran for ten milliseconds."""
    of = call("1.16.2")
    put(store, of, bash(of, NOW + 3 * S, NOW + 63 * S - 10, NOW + 63 * S))
    agent.once()
    assert seconds(tool_span(arrived)) == pytest.approx(0.01)
    assert lasted(arrived, 62.99)


@pytest.mark.parametrize(("before", "took"), [(MINUTE, 60), (-MINUTE, 0.01)])
def test_a_session_that_a_later_release_goes_on_with_is_written_as_that_release_writes(
    agent: Agent, database: Database, arrived: Arrived, before: int, took: float
) -> None:
    """The session names the release that began it; another session tells when the later one was there."""
    of = call("1.15.4")
    put(database, of, bash(of, NOW + 3 * S, NOW + 63 * S - 10, NOW + 63 * S))
    database.put(session(NOW - before, counter=9, version="1.18.20"))
    agent.once()
    assert seconds(tool_span(arrived)) == pytest.approx(took)


@pytest.mark.parametrize(
    "made_at", [NOW + 64 * S, NOW + 63 * S - 5, NOW - MINUTE, NOW], ids=["message", "start", "request", "at once"]
)
def test_a_tool_call_whose_id_tells_no_possible_time_begins_when_it_says(
    agent: Agent, database: Database, arrived: Arrived, made_at: int
) -> None:
    of = call()
    put(database, of, bash(of, made_at, NOW + 63 * S - 10, NOW + 63 * S))
    agent.once()
    assert seconds(tool_span(arrived)) == pytest.approx(0.01)


def test_a_tool_call_whose_id_tells_nothing_begins_when_it_says(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    of = call()
    put(database, of, replace(bash(of, NOW, NOW + 3 * S, NOW + 63 * S), id="prt_imported"))
    agent.once()
    assert seconds(tool_span(arrived)) == pytest.approx(60)


@pytest.mark.parametrize("name", ["write", "apply_patch"])
def test_a_tool_that_reports_no_progress_begins_when_it_says(
    agent: Agent, database: Database, arrived: Arrived, name: str
) -> None:
    """The part is made when the model begins to write the file, which may take a minute."""
    of = call()
    put(database, of, bash(of, NOW + 3 * S, NOW + 63 * S - 10, NOW + 63 * S, name))
    agent.once()
    assert seconds(tool_span(arrived, name)) == pytest.approx(0.01)
    assert lasted(arrived, 62.99)


def test_a_tool_call_that_was_broken_off_and_lost_its_start_begins_when_its_part_was_made(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    """OpenCode rewrites both times when it breaks off a call (anomalyco/opencode#19971)."""
    of = call("1.2.27", finish=None, changes={"error": {"name": "MessageAbortedError"}})
    end = NOW + 63 * S
    put(store, of, bash(of, NOW + 3 * S, end, end, status="error", error="Tool execution aborted"))
    agent.once()
    assert seconds(tool_span(arrived)) == pytest.approx(60)
    assert lasted(arrived, 3)
