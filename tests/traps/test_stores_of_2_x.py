"""The tables of OpenCode 2.x, alone and beside those of 1.x."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import (
    T0,
    Database,
    DatabaseV2,
    Session,
    Tokens,
    fork_copy,
    in_flight,
    message,
    session,
)
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


DAY = 86_400_000


def test_a_record_of_2_x_never_brings_a_new_completion_of_a_known_message(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """The import sets it to the row's last change. The fork copies of 1.x and of 2.x are still recognised."""
    original = message(session(version="1.18.33"), USED)
    copy = fork_copy(original, session(T0 + DAY, version="1.18.33"), T0 + DAY + 20)
    database.put_turn(original, copy)
    new = DatabaseV2(database.path).create()
    fork = session(T0 + 2 * DAY, counter=3, version="1.18.33", fork_of=original.session.id)
    imported = replace(original, completed=T0 + 3 * DAY)
    new.put_turn(imported, replace(copy, completed=T0 + 4 * DAY))
    new.put_turn(replace(imported, id="msg_5f0c2b6a93d1_3", session=fork))
    agent.once()
    agent.once()
    assert arrived.holds(tokens=USED, messages=1, spans=1)
    span = arrived.chat()
    assert (span.end_ns - span.start_ns) / 1e9 == pytest.approx(37.616)


def test_fork_copies_of_1_x_count_once_after_the_tables_of_1_x_are_gone(agent: Agent, arrived: Arrived) -> None:
    original = message(session(version="1.18.33"), USED)
    copy = fork_copy(original, session(T0 + DAY, version="1.18.33"), T0 + DAY + 20)
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    new.put_turn(replace(copy, completed=T0 + 4 * DAY), replace(original, completed=T0 + 3 * DAY))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)
    assert arrived.chat().attributes["session.id"] == original.session.id


def test_a_fork_of_a_beta_has_ordinary_ids_and_counts_nothing_again(agent: Agent, arrived: Arrived) -> None:
    """Its copies are older than the session; what was said there later is its own."""
    original = message(session(version="2.0.0-beta.1"), USED)
    fork = session(T0 + 50_000, counter=2, version="2.0.0-beta.1", fork_of=original.session.id)
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    new.put_turn(original, fork_copy(original, fork, T0 + 1_000), message(fork, USED, T0 + 60_000))
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)


def test_a_message_of_2_x_counts_however_large_its_content_is(agent: Agent, arrived: Arrived) -> None:
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    large = message(session(version="2.0.17"), USED, cost=0.123456789)
    new.put_turn(large)
    output = {"type": "text", "text": "x" * 17 * 1024 * 1024}
    with new.connection() as connection:
        connection.execute(
            "UPDATE session_message SET data = json_set(data, '$.content', json(?))", (json.dumps([output]),)
        )
    agent.once()
    assert arrived.holds(tokens=USED, messages=1, spans=1)
    assert arrived.cost() == pytest.approx(0.123456789, rel=1e-12)
    assert arrived.tokens_by("gen_ai.request.model") == {"glm-4.7": USED}


@pytest.mark.parametrize("name", ["opencode-next.db", "opencode-local.db", "opencode-mine.db", "opencode.db"])
def test_a_database_of_a_preview_of_2_x_is_read(agent: Agent, arrived: Arrived, name: str) -> None:
    """Its table of sessions has no name of its own."""
    new = DatabaseV2(agent.data_dir / name).create()
    title = Tokens(207, 12)
    of: Session = session(version="local", totals=USED.plus(title))
    new.put_turn(message(of, USED))
    new.execute("ALTER TABLE session_v2 RENAME TO session")
    agent.once()
    assert arrived.tokens_by("opencode.usage.source") == {"message": USED, "unattributed": title}
