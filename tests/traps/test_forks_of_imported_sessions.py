"""2.x imports a session of an older release and forks it there. The copies have what the import wrote, and count nothing."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import (
    T0,
    Database,
    DatabaseV2,
    Message,
    Tokens,
    message,
    session,
    step_finish,
)
from tests.verify.verified import Verified, change_ledger

SPENT = Tokens(1200, 80, 20, 400, 10)
STEPS = (Tokens(50, 5), Tokens(70, 7), Tokens(100, 10))
"""What the model calls of a turn of 0.x used. Its record has the last one's tokens."""
DAY = 86_400_000
FORKED = T0 + DAY
MARKED = "msg_5f0c2b6a93d1_7"


def imported(database: Database, original: Message, *, completed: int | None = None) -> tuple[DatabaseV2, Message]:
    """Put what the import made of the original beside it; return the copy that a fork in 2.x makes of that."""
    new = DatabaseV2(database.path).create()
    new.note_import(original.created + DAY // 2)
    row = replace(original, completed=completed or original.completed)
    new.put(original.session.project, replace(original.session, totals=original.tokens), row)
    began = original.created + DAY
    fork = session(began, 2, version=original.session.version, fork_of=original.session.id)
    return new, replace(row, id=MARKED, session=fork)


@pytest.mark.parametrize("looks", [0, 1], ids=["first look", "counted before"])
def test_a_turn_of_0_x_counts_once_although_a_fork_has_the_tokens_of_its_last_step(
    agent: Agent, database: Database, arrived: Arrived, looks: int
) -> None:
    turn = message(session(version="0.6.4"), STEPS[-1], finish=None, changes={"parentID": ...})
    database.put_turn(turn)
    database.put(*(step_finish(turn, used, counter) for counter, used in enumerate(STEPS, 2)))
    new, copy = imported(database, turn)
    for _ in range(looks):
        agent.once()
    new.put_turn(copy)
    agent.once()
    agent.once()
    assert arrived.holds(tokens=Tokens().plus(*STEPS), messages=1, spans=1)
    assert Verified(agent).explained()["fork_copy"] == (-1, Tokens(-100, -10, 0, 0, 0))


def test_another_call_of_the_same_moment_is_no_copy_of_a_turn_of_0_x(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """It used more than the turn, so it is nobody's last step."""
    turn = message(session(version="0.6.4"), STEPS[0], finish=None, changes={"parentID": ...})
    database.put_turn(turn)
    new, copy = imported(database, turn)
    new.put_turn(replace(copy, tokens=SPENT))
    agent.once()
    assert arrived.tokens() == STEPS[0].plus(SPENT)


def old_call_and_copy(database: Database) -> tuple[Message, Message]:
    """A call of sixty days ago, whose row was changed since then. The import takes that for its completion."""
    now = time.time_ns() // 1_000_000
    then = now - 60 * DAY
    original = message(session(then, version="1.18.33"), SPENT, then + 100)
    database.put_turn(original, updated=now - 5 * DAY)
    new, copy = imported(database, original, completed=now - 5 * DAY)
    new.put_turn(copy)
    return original, copy


def test_a_copy_of_history_that_is_left_out_does_not_count(agent: Agent, database: Database, arrived: Arrived) -> None:
    old_call_and_copy(database)
    agent.once(OTEL_AGENT_BACKFILL="30d")
    assert arrived.tokens() == Tokens()
    assert Verified(agent, OTEL_AGENT_BACKFILL="30d").exit_code == 0


def test_a_copy_of_history_that_counts_all_the_same_is_found(agent: Agent, database: Database) -> None:
    _, copy = old_call_and_copy(database)
    agent.once(OTEL_AGENT_BACKFILL="30d")
    change_ledger(agent, f"UPDATE message SET state = 2 WHERE id = '{copy.id}'")
    found = Verified(agent, OTEL_AGENT_BACKFILL="30d")
    assert found.amount("doubled") == (1, SPENT)
