"""The tables of OpenCode 2.x, alone and beside those of 1.x."""

from __future__ import annotations

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import T0, Database, DatabaseV2, Tokens, in_flight, message, session
from tests.support.made_stores.database import upsert

USED = Tokens(1200, 80, 20, 400, 10)


def test_a_database_of_2_x_is_read(agent: Agent, arrived: Arrived) -> None:
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    new.put_turn(message(session(), USED, cost=0.5, model="gpt-6", provider="openai"))
    agent.once()
    agent.once()
    assert arrived.tokens_by("gen_ai.request.model") == {"gpt-6": USED}
    assert arrived.tokens_by("gen_ai.provider.name") == {"openai": USED}
    assert arrived.messages() == 1
    assert arrived.cost() == pytest.approx(0.5)


def test_tables_of_2_x_go_before_stale_tables_of_1_x(agent: Agent, database: Database, arrived: Arrived) -> None:
    """The update took the session over; what v1 says of it stays behind as it was that day, perhaps half done."""
    finished, interrupted = message(session(), USED), message(session(), USED, T0 + 40_000)
    database.put_turn(finished, in_flight(interrupted))
    agent.once()
    assert arrived.messages() == 1
    DatabaseV2(database.path).create().put_turn(finished, interrupted)
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2, spans=2)


def test_sessions_of_1_x_that_2_x_never_took_over_count(agent: Agent, database: Database, arrived: Arrived) -> None:
    database.put_turn(message(session(), USED))
    taken_over = message(session(T0 + 900_000), USED, T0 + 901_000)
    DatabaseV2(database.path).create().put_turn(taken_over)
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)


def test_session_message_without_the_table_session_v2_does_not_count(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """1.14 - 1.18 can hold the same call there twice, under other ids."""
    real = message(session(), USED)
    database.put_turn(real)
    with database.connection() as connection:
        for counter in (8, 9):
            double = message(session(), USED, counter=counter)
            upsert(connection, "session_message", DatabaseV2(database.path).place(double)[1] | {"seq": counter})
    agent.once()
    assert arrived.unreadable() == 0, "nothing is wrong with such a database"
    assert arrived.holds(tokens=USED, messages=1)


def test_a_session_message_whose_session_is_unknown_to_2_x_does_not_count(agent: Agent, arrived: Arrived) -> None:
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    known = message(session(), USED)
    new.put_turn(known)
    new.put(message(session(T0 + 900_000), USED, T0 + 901_000))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_session_messages_of_other_kinds_do_not_count(agent: Agent, arrived: Arrived) -> None:
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    spoken = message(session(), USED)
    new.put_turn(spoken)
    with new.connection() as connection:
        for counter, kind in enumerate(("user", "shell", "idle", "synthetic", "model-switched"), 2):
            row = new.place(message(session(), USED, T0 + counter * 1000))[1] | {"type": kind}
            upsert(connection, "session_message", row)
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)
