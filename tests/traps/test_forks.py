"""A fork copies every message under a new id and session. Tokens that were spent once count once."""

from __future__ import annotations

from dataclasses import replace

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
    Tokens,
    fork_copy,
    message,
    message_id,
    session,
)

SPENT = Tokens(1200, 80, 20, 400, 10)
AFTER = Tokens(300, 40, 0, 1500, 0)
FORKED = T0 + 3_600_000
"""When the fork was made: an hour later."""
WRAP = 26 * 2**36
"""The ids' clock starts again at zero here, in ms (August 2026)."""

STORES = ("json", "1.2.6", "1.18.33", "2.x")


def original_and_copy(store: Store) -> tuple[Message, Message]:
    """2.x copies have ids of another form, that carry no time, and a session that says what it was forked from."""
    original = message(session(), SPENT, cost=0.5)
    if not isinstance(store, DatabaseV2):
        return original, fork_copy(original, session(FORKED), FORKED + 20)
    fork = session(FORKED, fork_of=original.session.id)
    return original, replace(original, id="msg_5f0c2b6a-93d1-4f5e-8a37-6c1d20e9b7f4", session=fork)


def test_original_and_fork_copy_read_in_one_run_count_once(agent: Agent, store: Store, arrived: Arrived) -> None:
    original, copy = original_and_copy(store)
    later = message(copy.session, AFTER, FORKED + 9_000)
    store.put_turn(original, copy, later)
    agent.once()
    agent.once()
    assert arrived.holds(tokens=SPENT.plus(AFTER), messages=2, spans=2)
    assert arrived.cost() == pytest.approx(0.5)


def test_a_fork_copy_read_after_its_original_does_not_count(agent: Agent, store: Store, arrived: Arrived) -> None:
    for each in original_and_copy(store):
        store.put_turn(each)
        agent.once()
    assert arrived.holds(tokens=SPENT, messages=1, spans=1)


def test_an_original_read_after_its_fork_copy_does_not_count_again(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    for each in reversed(original_and_copy(store)):
        store.put_turn(each)
        agent.once()
    assert arrived.holds(tokens=SPENT, messages=1, spans=1)


@pytest.mark.parametrize("at_once", [True, False], ids=["in-one-run", "in-two-runs"])
def test_equal_times_and_minted_ids_of_two_sessions_are_two_calls(
    agent: Agent, store: Store, arrived: Arrived, at_once: bool
) -> None:
    """Both ids were minted when their message began, so neither is a copy, however equal the rest."""
    for counter in (1, 2):
        store.put_turn(message(session(counter=counter), SPENT, counter=counter))
        if not at_once:
            agent.once()
    agent.once()
    assert arrived.holds(tokens=SPENT.plus(SPENT), messages=2)


@pytest.mark.parametrize(
    "change",
    [{"created": T0 + 1}, {"provider": "openai"}, {"model": "glm-5"}, {"tokens": SPENT.plus(Tokens(1))}],
    ids=lambda change: next(iter(change)),
)
def test_a_message_with_a_late_id_that_records_something_else_is_no_copy(
    agent: Agent, tree: JsonTree, arrived: Arrived, change: dict[str, object]
) -> None:
    original = message(session(), SPENT)
    other = replace(fork_copy(original, session(FORKED), FORKED + 20), **change)  # type: ignore[arg-type]
    tree.put_turn(original, other)
    agent.once()
    assert arrived.messages() == 2


@pytest.mark.parametrize("change", [{"completed": T0 + 86_400_000}, {"cost": 1}], ids=lambda change: next(iter(change)))
def test_a_copy_is_one_whatever_its_completion_and_cost(
    agent: Agent, tree: JsonTree, arrived: Arrived, change: dict[str, object]
) -> None:
    """The import into 2.x sets the completion to the row's last change, so it says nothing about copies."""
    original = message(session(), SPENT)
    tree.put_turn(original, replace(fork_copy(original, session(FORKED), FORKED + 20), **change))  # type: ignore[arg-type]
    agent.once()
    assert arrived.holds(tokens=SPENT, messages=1)


def test_a_message_with_a_late_id_in_the_same_session_is_no_copy(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    original = message(session(), SPENT)
    tree.put_turn(original, replace(original, id=message_id(FORKED)))
    agent.once()
    assert arrived.holds(tokens=SPENT.plus(SPENT), messages=2)


def test_two_copies_whose_original_is_gone_count_once(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    original = message(session(), SPENT)
    first = fork_copy(original, session(FORKED), FORKED + 20)
    second = fork_copy(original, session(FORKED + 60_000), FORKED + 60_020)
    tree.put_turn(first)
    agent.once()
    tree.put_turn(second)
    agent.once()
    assert arrived.holds(tokens=SPENT, messages=1)


def test_a_fork_copy_is_recognised_without_its_session_file(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """The ids alone show that it is a copy."""
    original = message(session(), SPENT)
    tree.put(original, fork_copy(original, session(FORKED), FORKED + 20))
    agent.once()
    assert arrived.holds(tokens=SPENT, messages=1)


def test_a_session_marked_as_a_fork_is_one_even_if_it_is_no_younger(agent: Agent, arrived: Arrived) -> None:
    """The mark of 2.x suffices, although neither the id nor the session's time shows it."""
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    original = message(session(), SPENT)
    marked = session(counter=2, fork_of=original.session.id)
    new.put_turn(original, replace(original, id="msg_5f0c2b6a-93d1-4f5e-8a37-6c1d20e9b7f4", session=marked))
    agent.once()
    assert arrived.holds(tokens=SPENT, messages=1)


def test_a_fork_copy_in_sqlite_of_a_message_in_json_does_not_count_twice(
    agent: Agent, tree: JsonTree, database: Database, arrived: Arrived
) -> None:
    original = message(session(), SPENT)
    copy = fork_copy(original, session(FORKED, version="1.18.33"), FORKED + 20)
    database.put_turn(copy)
    agent.once()
    tree.put_turn(original)
    agent.once()
    assert arrived.holds(tokens=SPENT, messages=1)


def test_a_failed_call_and_its_fork_copy_count_once(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    failed = message(session(), Tokens(), finish=None, changes={"error": {"name": "APIError", "data": {}}})
    tree.put_turn(failed, fork_copy(failed, session(FORKED), FORKED + 20))
    agent.once()
    assert arrived.messages_by("opencode.message.outcome") == {"error": 1}


def test_a_killed_call_and_its_fork_copy_count_once(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """Neither has a completion; they are as equal as two completed ones."""
    killed = message(session(), SPENT, completed=None)
    tree.put_turn(killed, fork_copy(killed, session(FORKED), FORKED + 20))
    agent.once()
    assert arrived.holds(tokens=SPENT, messages=1)


def test_a_fork_copy_is_recognised_after_the_clock_of_the_ids_wrapped(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    original = message(session(WRAP - 6_000), SPENT, WRAP - 5_000)
    tree.put_turn(original, fork_copy(original, session(WRAP + 60_000), WRAP + 60_020))
    agent.once()
    assert arrived.holds(tokens=SPENT, messages=1)


def test_an_id_minted_just_before_its_clock_wrapped_is_no_copy(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """Ids are minted up to 15 ms before `time.created`; across the wrap that is not two years late."""
    for counter in (1, 2):
        early = message_id(WRAP - 3, counter)
        tree.put_turn(replace(message(session(WRAP - 900, counter), SPENT, WRAP + 2), id=early))
    agent.once()
    assert arrived.holds(tokens=SPENT.plus(SPENT), messages=2)


def test_a_message_whose_id_has_no_time_is_a_copy_in_a_later_session(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    original = message(session(), SPENT)
    tree.put_turn(original, replace(original, id="msg_copied-by-a-script", session=session(FORKED)))
    agent.once()
    assert arrived.holds(tokens=SPENT, messages=1)


def test_messages_whose_ids_have_no_time_are_two_calls_in_sessions_of_their_time(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    for counter in (1, 2):
        tree.put_turn(replace(message(session(counter=counter), SPENT), id=f"msg_written-by-hand-{counter}"))
    agent.once()
    assert arrived.holds(tokens=SPENT.plus(SPENT), messages=2)
