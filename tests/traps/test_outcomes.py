"""The outcomes of calls, messages that are no calls, and the turns of 0.x that hold several calls."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store
from tests.support.made_stores import (
    T0,
    Database,
    DatabaseV2,
    JsonTree,
    Message,
    OldTree,
    Part,
    Session,
    Tokens,
    message,
    session,
    step_finish,
    step_start,
    text,
    tool,
)

USED = Tokens(1200, 80, 20, 400, 10)

STORES = ("json", "1.18.33")


def failed(name: str, tokens: Tokens = Tokens(), **fields: Any) -> Message:
    error = {"name": name, "data": {"message": "a prompt of somebody's"}}
    return message(session(), tokens, finish=None, changes={"error": error}, **fields)


def test_messages_are_counted_by_their_outcome(agent: Agent, store: Store, arrived: Arrived) -> None:
    store.put_turn(
        message(session(), USED),
        failed("APIError", at=T0 + 40_000),
        failed("ProviderAuthError", at=T0 + 50_000),
        failed("MessageAbortedError", at=T0 + 60_000),
    )
    agent.once()
    agent.once()
    assert arrived.messages_by("opencode.message.outcome") == {"ok": 1, "error": 2, "aborted": 1}
    assert arrived.tokens() == USED


def test_tokens_of_an_aborted_call_count(agent: Agent, store: Store, arrived: Arrived) -> None:
    store.put_turn(failed("MessageAbortedError", USED))
    agent.once()
    assert arrived.messages_by("opencode.message.outcome") == {"aborted": 1}
    assert arrived.tokens() == USED


def test_the_span_of_a_failed_call_names_the_error_and_quotes_nothing(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    """It says what went wrong by name; the error's own words may quote a prompt."""
    broken = failed("APIError")
    store.put_turn(broken)
    store.put(step_start(broken))
    agent.once()
    span = arrived.chat()
    assert span.status_code == "ERROR"
    assert span.attributes["error.type"] == "APIError"
    assert all("somebody" not in str(span) for span in arrived.receiver.chats())


@pytest.mark.parametrize("finish", [None, "tool-calls"], ids=["shell", "subtask"])
def test_a_message_that_asked_no_model_is_no_call(
    agent: Agent, store: Store, arrived: Arrived, finish: str | None
) -> None:
    """Completed, zero tokens, no step-start: `!shell`, which has no finish, and the wrapper of a subtask."""
    wrapper = message(session(), Tokens(), finish=finish)
    store.put_turn(wrapper, message(session(), USED, T0 + 40_000))
    store.put(text(wrapper))
    agent.once()
    assert arrived.holds(messages=2, spans=1)
    assert arrived.tokens() == USED


def test_a_call_of_zero_tokens_is_a_call(agent: Agent, store: Store, arrived: Arrived) -> None:
    """Some providers report no usage; its step-start says that a model was asked."""
    silent = message(session(), Tokens())
    store.put_turn(silent)
    store.put(step_start(silent), step_finish(silent, Tokens()))
    agent.once()
    assert arrived.holds(messages=1, spans=1)


def a_turn_of_two_steps(version: str = "0.15.31") -> Message:
    """A turn as 0.x writes it: no parent, no finish, tokens of the last step, cost of both."""
    return message(session(version=version), Tokens(500, 30), cost=0.75, changes={"parentID": ..., "finish": ...})


STEPS = (Tokens(1200, 80, 20, 0, 10), Tokens(500, 30))


def with_steps(turn: Message) -> list[Session | Message | Part]:
    finishes = (step_finish(turn, tokens, 2 + n, cost=0.375) for n, tokens in enumerate(STEPS))
    return [turn.session, turn, step_start(turn), *finishes]


@pytest.mark.parametrize("place", ["json", "old", "imported"])
def test_a_turn_of_0_x_is_the_sum_of_its_steps(agent: Agent, arrived: Arrived, place: str) -> None:
    turn = a_turn_of_two_steps("0.5.29" if place == "old" else "0.15.31")
    if place == "old":
        OldTree(agent.data_dir).put(*with_steps(turn))
    elif place == "json":
        JsonTree(agent.data_dir).put(turn.session.project, *with_steps(turn))
    else:
        Database(agent.data_dir / "opencode.db", "1.2.6").create().put(turn.session.project, *with_steps(turn))
    agent.once()
    agent.once()
    assert arrived.holds(tokens=STEPS[0].plus(STEPS[1]), messages=1)
    assert arrived.cost() == pytest.approx(0.75)


def test_a_turn_of_0_x_in_tree_and_database_counts_once(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    turn = a_turn_of_two_steps()
    imported = Database(agent.data_dir / "opencode.db", "1.2.6").create()
    for store in (tree, imported):
        store.put(turn.session.project, *with_steps(turn))
        agent.once()
    assert arrived.holds(tokens=STEPS[0].plus(STEPS[1]), messages=1)


def test_a_turn_of_0_x_killed_in_its_second_step_counts_the_first(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    """0.x has no `finish`; that a step of it was finished shows in its parts."""
    killed = replace(a_turn_of_two_steps(), completed=None, tokens=STEPS[0])
    tree.put(killed.session.project, killed.session, killed, step_start(killed), step_finish(killed, STEPS[0]))
    agent.once()
    assert arrived.holds(tokens=STEPS[0], messages=1)


def test_a_turn_of_0_x_without_parts_counts_its_own_tokens(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    turn = a_turn_of_two_steps()
    tree.put_turn(turn)
    agent.once()
    assert arrived.holds(tokens=Tokens(500, 30), messages=1)


def test_one_message_for_each_call_is_never_summed_from_parts(agent: Agent, store: Store, arrived: Arrived) -> None:
    """The message has the truth since 1.0; parts beside it that say otherwise (retries) are not added."""
    whole = message(session(), USED)
    store.put_turn(whole)
    store.put(step_start(whole), step_finish(whole, USED), step_finish(whole, USED, 4))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


NOW = time.time_ns() // 1_000_000 - 3_600_000
"""An hour ago, in milliseconds: the parts of messages are read from the day before the first start on."""
WEEKEND = 3 * 86_400_000


def row(*, completed: int = NOW + 9_000, streamed: int | None = None, **changes: Any) -> Message:
    """A row of 2.x that never got usage, with these changes of its JSON."""
    times = {"created": NOW, "completed": completed} | ({} if streamed is None else {"streamed": streamed})
    return message(session(NOW - 500, version="2.0.26"), at=NOW, changes={"time": times, "tokens": ...} | changes)


def put_v2(agent: Agent, *rows: Message) -> None:
    DatabaseV2(agent.data_dir / "opencode.db").create().put_turn(*rows)


def counted_durations(arrived: Arrived) -> int:
    latest = arrived.receiver.latest().items()
    return sum(point.count or 0 for (name, _), point in latest if name == "gen_ai.client.inference.duration")


@pytest.mark.parametrize("used", [None, USED])
def test_a_call_of_2_x_that_a_person_broke_off_is_aborted(agent: Agent, arrived: Arrived, used: Tokens | None) -> None:
    tokens: dict[str, Any] = {} if used is None else {"tokens": used.document()}
    error = {"type": "aborted", "message": "Step interrupted"}
    put_v2(agent, row(finish="error", error=error, **tokens))
    agent.once()
    assert arrived.messages_by("opencode.message.outcome") == {"aborted": 1}
    assert arrived.tokens() == (used or Tokens())
    assert arrived.chat().attributes["error.type"] == "aborted"


def test_a_call_of_2_x_that_failed_is_an_error(agent: Agent, arrived: Arrived) -> None:
    put_v2(agent, row(finish="error", error={"type": "provider.rate-limit", "message": "a prompt"}))
    agent.once()
    assert arrived.messages_by("opencode.message.outcome") == {"error": 1}
    assert arrived.chat().attributes["error.type"] == "provider.rate-limit"


def test_a_call_of_2_x_that_the_next_start_closed_was_killed(agent: Agent, arrived: Arrived) -> None:
    """It is a message without usage, and nobody knows when it ended: surely not when OpenCode started again."""
    put_v2(agent, row(finish=..., completed=NOW + WEEKEND, content=[{"type": "text", "text": "Hel"}]))
    agent.once()
    assert arrived.messages_by("opencode.message.outcome") == {"aborted": 1}
    assert counted_durations(arrived) == 0
    span = arrived.chat()
    assert span.attributes["error.type"] == "killed"
    assert span.start_ns == span.end_ns == NOW * 10**6
    assert arrived.unreadable() == 0


@pytest.mark.parametrize(
    ("times", "ended"),
    [
        ({"streamed": NOW + 4_000}, 4_000),
        ({"content": [{"type": "reasoning", "time": {"created": NOW + 500, "completed": NOW + 2_000}}]}, 2_000),
        (
            {
                "content": [
                    {"type": "tool", "time": {"created": NOW + 500, "ran": NOW + 700, "completed": NOW + WEEKEND}}
                ]
            },
            700,
        ),
    ],
    ids=["streamed", "last write", "stale tool"],
)
def test_a_killed_call_of_2_x_ends_when_it_was_last_heard_of(
    agent: Agent, arrived: Arrived, times: dict[str, Any], ended: int
) -> None:
    put_v2(agent, row(finish=..., completed=NOW + WEEKEND, **times))
    agent.once()
    assert arrived.messages_by("opencode.message.outcome") == {"aborted": 1}
    assert counted_durations(arrived) == 1
    assert arrived.chat().end_ns == (NOW + ended) * 10**6


def test_a_call_without_usage_that_finished_was_not_killed(agent: Agent, arrived: Arrived) -> None:
    """Betas wrote no tokens; some providers report zeros, as the import of 1.x does for what was no call."""
    put_v2(agent, row(finish="stop"), message(session(NOW - 400, 2, version="2.0.26"), at=NOW, counter=2, finish=None))
    agent.once()
    assert arrived.messages_by("opencode.message.outcome") == {"ok": 2}


def command(of: Message, exit_code: int | None, **fields: Any) -> Part:
    """A command that OpenCode calls completed, with this exit code."""
    return tool(of, "bash", metadata={"output": "", "exit": exit_code}, **fields)


ABORTED = {"error": {"name": "MessageAbortedError", "data": {"message": "Aborted"}}}


@pytest.mark.parametrize(
    ("exit_code", "changes", "outcome"),
    [(None, ABORTED, "aborted"), (0, ABORTED, "ok"), (None, {}, "ok"), (1, {}, "ok")],
    ids=["broken off", "had ended before", "time was up", "failed"],
)
def test_a_command_without_an_exit_code_in_an_aborted_message_was_broken_off(
    agent: Agent, store: Store, arrived: Arrived, exit_code: int | None, changes: dict[str, Any], outcome: str
) -> None:
    """From 1.14 on OpenCode calls it completed; so it does if the time of the command was up."""
    of = message(session(NOW - 500), USED, NOW, changes=changes)
    store.put_turn(of)
    store.put(command(of, exit_code))
    agent.once()
    assert arrived.receiver.by("opencode.tool.call.count", "opencode.tool.outcome") == {outcome: 1}


def test_a_call_of_no_tool_is_an_error(agent: Agent, store: Store, arrived: Arrived) -> None:
    """OpenCode answers such a call by a tool of its own, ``invalid``, which ends well."""
    of = message(session(NOW - 500), USED, NOW)
    store.put_turn(of)
    store.put(tool(of, "invalid"))
    agent.once()
    assert arrived.receiver.by("opencode.tool.call.count", "opencode.tool.outcome") == {"error": 1}
    (span,) = (span for span in arrived.receiver.spans() if span.name == "execute_tool invalid")
    assert span.status_code == "ERROR"
    assert span.attributes["error.type"] == "tool_error"


@pytest.mark.parametrize(("variant", "level"), [("high", "high"), ("default", None), (7, None), ("", None)])
def test_the_reasoning_level_is_on_the_span_and_on_no_metric(
    agent: Agent, arrived: Arrived, database: Database, variant: object, level: str | None
) -> None:
    put_v2(agent, row(finish="stop", variant=variant, tokens=USED.document()))
    database.put_turn(message(session(NOW, 2), USED, NOW + 60_000, changes={"variant": variant}))
    agent.once()
    assert [span.attributes.get("gen_ai.request.reasoning.level") for span in arrived.chats()] == [level, level]
    assert not any("gen_ai.request.reasoning.level" in point.attributes for point in arrived.receiver.points())


def test_retries_are_on_the_span_and_on_no_metric(agent: Agent, arrived: Arrived, store: Store) -> None:
    of = message(session(NOW - 500), USED, NOW)
    store.put_turn(of, message(of.session, USED, NOW + 60_000, counter=2))
    store.put(*(replace(text(of, n), body={"type": "retry", "attempt": n, "error": {}}) for n in (1, 2)))
    agent.once()
    found = sorted(arrived.chats(), key=lambda span: span.start_ns)
    assert [span.attributes.get("opencode.message.retries") for span in found] == [2, None]
    assert not any("opencode.message.retries" in point.attributes for point in arrived.receiver.points())


def test_retries_of_a_call_of_2_x_are_on_the_span(agent: Agent, arrived: Arrived) -> None:
    """A retry that went well leaves no trace; one that was given up does."""
    put_v2(agent, row(finish="error", error={"type": "provider.internal"}, retry={"attempt": 3, "at": NOW}))
    agent.once()
    assert arrived.chat().attributes["opencode.message.retries"] == 3
