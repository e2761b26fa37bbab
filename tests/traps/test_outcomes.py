"""The outcomes of calls, messages that are no calls, and the turns of 0.x that hold several calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store
from tests.support.made_stores import (
    T0,
    Database,
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
