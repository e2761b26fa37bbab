"""When a model call ended, when its first output came, and when a tool call began."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store
from tests.support.made_stores import (
    Database,
    JsonTree,
    Message,
    Part,
    Tokens,
    fork_copy,
    message,
    part_id,
    session,
    step_finish,
    step_start,
    text,
    tool,
)
from tests.support.otlp_receiver import SpanRow
from tests.support.otlp_receiver.behaviours import unauthorized

STORES = ("json", "1.18.33")
USED = Tokens(1200, 80, 20, 400, 10)
S = 1_000
MINUTE = 60 * S
DAY = 86_400 * S
NOW = time.time_ns() // 1_000_000 - 3_600_000
"""An hour ago, in milliseconds: the parts of messages are read from the day before the first start on."""

DURATIONS = ("gen_ai.client.inference.duration", "gen_ai.client.operation.duration")
FIRST_CHUNK = "gen_ai.client.inference.time_to_first_chunk"


def call(version: str = "1.18.33", took: int = 63 * S, at: int = NOW, **fields: Any) -> Message:
    """A model call of a session that this release began; it asked for tools."""
    whole: dict[str, Any] = {"completed": at + took, "finish": "tool-calls"} | fields
    return message(session(at - 500, version=version), USED, at, **whole)


def made(part: Part, at: int) -> Part:
    """The part, made at this time: its id carries it."""
    return replace(part, id=part_id(at))


def bash(of: Message, made_at: int, start: int, end: int, name: str = "bash", counter: int = 4, **fields: Any) -> Part:
    """A tool call whose part was made at one time and says that it ran at another."""
    whole = tool(of, name, counter, at=start, took=end - start, **fields)
    return replace(whole, id=part_id(made_at, counter))


def begun(of: Message, at: int, kind: str = "text", counter: int = 3, **time_: Any) -> Part:
    """A text or reasoning whose part was made at this time."""
    part = text(of, counter)
    return replace(part, id=part_id(at, counter), body={"type": kind, "text": "Hello.", "time": time_})


def put(store: Store, of: Message, *parts: Part) -> None:
    store.put_turn(of)
    store.put(*parts)


def seconds(span: SpanRow) -> float:
    return (span.end_ns - span.start_ns) / 1e9


def durations(arrived: Arrived, metric: str = DURATIONS[0]) -> tuple[int, float]:
    """The number and the sum of a histogram, in seconds and to the millisecond."""
    points = [point for (name, _), point in arrived.receiver.latest().items() if name == metric]
    return sum(point.count or 0 for point in points), round(sum(point.sum or 0 for point in points), 3)


def lasted(arrived: Arrived, expected: float) -> bool:
    """True if the span of the only call and both histograms say that it lasted so many seconds."""
    assert [durations(arrived, metric) for metric in DURATIONS] == 2 * [(1, expected)]
    return seconds(arrived.chat()) == pytest.approx(expected)


def tool_span(arrived: Arrived, name: str = "bash") -> SpanRow:
    (span,) = (each for each in arrived.receiver.spans() if each.name == f"execute_tool {name}")
    return span


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
