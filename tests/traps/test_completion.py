"""Nothing counts before it is complete; what was killed between two writes counts without ever being so."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store
from tests.support.made_stores import Database, Message, Session, Tokens, in_flight
from tests.support.made_stores import message as made_at
from tests.support.made_stores import session as begun_at

USED = Tokens(1200, 80, 20, 400, 10)
NEXT = Tokens(300, 40, 0, 1500, 0)
T0 = time.time_ns() // 1_000_000 - 2 * 3_600_000
"""Two hours ago, in ms: past the default grace period, and well within a longer one."""
FOR_EVER = {"OTEL_AGENT_KILLED_GRACE_SECONDS": "31536000"}
"""A year: nothing here is presumed dead for its age."""

STORES = ("json", "1.2.6", "1.18.33", "2.x")


def session(created: int = T0 - 500, counter: int = 1) -> Session:
    return begun_at(created, counter)


def message(of: Session, tokens: Tokens, at: int = T0, **fields: Any) -> Message:
    return made_at(of, tokens, at, **fields)


def test_a_message_in_flight_counts_once_it_completes(agent: Agent, store: Store, arrived: Arrived) -> None:
    """The three writes of a message's life, a run after each."""
    whole = message(session(), USED, cost=0.5)
    store.put_turn(in_flight(whole))
    agent.once()
    assert arrived.holds(tokens=Tokens(), messages=0, spans=0)
    store.put_turn(replace(whole, completed=None))
    agent.once(**FOR_EVER)
    assert arrived.holds(tokens=Tokens(), messages=0, spans=0)
    store.put_turn(whole)
    agent.once()
    agent.once()
    assert arrived.holds(tokens=USED, messages=1, spans=1)
    assert arrived.cost() == pytest.approx(0.5)


def test_a_row_that_completes_after_the_clock_was_set_back_counts(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """Its `time_updated` is older than what was read already: a cursor over that column alone never sees it."""
    whole = message(session(), USED)
    database.put_turn(in_flight(whole), message(session(), NEXT, T0 + 900_000))
    agent.once()
    database.put_turn(whole, updated=T0 - 5_000_000)
    agent.once()
    assert arrived.holds(tokens=USED.plus(NEXT), messages=2)


def test_a_completion_in_the_millisecond_of_the_last_reading_counts(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """A completion that carries the `time_updated` the reader has already reached."""
    whole = message(session(), USED)
    database.put_turn(in_flight(whole), updated=T0 + 5)
    agent.once()
    database.put_turn(whole, updated=T0 + 5)
    database.put_turn(message(session(), NEXT, T0 + 2), updated=T0 + 5)
    agent.once()
    assert arrived.holds(tokens=USED.plus(NEXT), messages=2)


def test_a_killed_message_counts_once_a_later_one_is_complete(agent: Agent, store: Store, arrived: Arrived) -> None:
    killed = message(session(), USED, completed=None)
    store.put_turn(killed)
    agent.once(**FOR_EVER)
    assert arrived.holds(tokens=Tokens(), messages=0)
    store.put_turn(message(session(), NEXT, T0 + 40_000))
    agent.once(**FOR_EVER)
    agent.once(**FOR_EVER)
    assert arrived.holds(tokens=USED.plus(NEXT), messages=2)


def test_a_later_message_of_another_session_does_not_end_the_wait(agent: Agent, store: Store, arrived: Arrived) -> None:
    store.put_turn(message(session(), USED, completed=None))
    store.put_turn(message(session(counter=2), NEXT, T0 + 40_000))
    agent.once(**FOR_EVER)
    assert arrived.holds(tokens=NEXT, messages=1)


def test_an_earlier_message_of_the_session_does_not_end_the_wait(agent: Agent, store: Store, arrived: Arrived) -> None:
    store.put_turn(message(session(), NEXT), message(session(), USED, T0 + 40_000, completed=None))
    agent.once(**FOR_EVER)
    assert arrived.holds(tokens=NEXT, messages=1)


def test_a_later_message_that_is_not_complete_does_not_end_the_wait(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    store.put_turn(message(session(), USED, completed=None), message(session(), NEXT, T0 + 40_000, completed=None))
    agent.once(**FOR_EVER)
    assert arrived.holds(tokens=Tokens(), messages=0)


def test_a_killed_message_counts_after_the_grace_period(agent: Agent, store: Store, arrived: Arrived) -> None:
    now = time.time_ns() // 1_000_000
    store.put_turn(message(session(now - 70_500), USED, now - 70_000, completed=None))
    agent.once()
    assert arrived.messages() == 0, "seventy seconds are well within the default hour"
    agent.once(OTEL_AGENT_KILLED_GRACE_SECONDS="60")
    assert arrived.holds(tokens=USED, messages=1)


def test_a_message_killed_hours_ago_counts_at_once(agent: Agent, store: Store, arrived: Arrived) -> None:
    store.put_turn(message(session(), USED, completed=None))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_a_message_killed_without_tokens_never_counts(agent: Agent, store: Store, arrived: Arrived) -> None:
    store.put_turn(in_flight(message(session(), USED)), message(session(), NEXT, T0 + 40_000))
    agent.once(OTEL_AGENT_KILLED_GRACE_SECONDS="0")
    agent.once(OTEL_AGENT_KILLED_GRACE_SECONDS="0")
    assert arrived.holds(tokens=NEXT, messages=1)


def test_a_message_presumed_killed_that_completes_adds_the_difference(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    whole = message(session(), USED)
    store.put_turn(replace(whole, completed=None))
    agent.once()
    store.put_turn(replace(whole, tokens=USED.plus(Tokens(0, 15))))
    agent.once()
    assert arrived.holds(tokens=USED.plus(Tokens(0, 15)), messages=1)
