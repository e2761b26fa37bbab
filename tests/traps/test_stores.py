"""Which stores are read, and which look like stores and are not."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import (
    RELEASES,
    T0,
    Database,
    DatabaseV2,
    JsonTree,
    OldTree,
    Tokens,
    in_flight,
    message,
    session,
    step_finish,
    step_start,
)
from tests.support.made_stores.database import compact, message_row, upsert

USED = Tokens(1200, 80, 20, 400, 10)


def zero_bytes(path: Path) -> None:
    path.touch()


def no_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")


def empty_tables(path: Path) -> None:
    Database(path).create()


def other_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE message (subject text, body text)")


@pytest.mark.parametrize("make", [zero_bytes, no_tables, empty_tables, other_tables])
def test_a_tree_beside_an_empty_database(
    agent: Agent, tree: JsonTree, arrived: Arrived, make: Callable[[Path], None]
) -> None:
    tree.put_turn(message(session(), USED))
    make(agent.data_dir / "opencode.db")
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_an_empty_database_that_fills_later(agent: Agent, arrived: Arrived) -> None:
    zero_bytes(agent.data_dir / "opencode.db")
    agent.once()
    Database(agent.data_dir / "opencode.db").create().put_turn(message(session(), USED))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_no_store_at_all_and_then_one(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    agent.data_dir.rmdir()
    agent.once()
    tree.put_turn(message(session(), USED))
    agent.once()
    assert arrived.tokens() == USED


@pytest.mark.parametrize("release", RELEASES)
def test_a_database_alone(agent: Agent, arrived: Arrived, release: str) -> None:
    Database(agent.data_dir / "opencode.db", release).create().put_turn(message(session(), USED, total=1690))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_the_tree_before_0_6(agent: Agent, old_tree: OldTree, arrived: Arrived) -> None:
    asked = message(session(version="0.5.29"), USED, changes={"parentID": ..., "finish": ...})
    old_tree.put(asked.session, asked, step_start(asked), step_finish(asked, USED))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_a_turn_copied_from_the_oldest_tree_to_the_newer(
    agent: Agent, old_tree: OldTree, tree: JsonTree, arrived: Arrived
) -> None:
    """An upgrade to 0.6 copies files under their ids and leaves the old ones where they are."""
    asked = message(session(version="0.5.29"), USED, changes={"parentID": ..., "finish": ...})
    for store in (old_tree, tree):
        store.put(asked.session, asked, step_start(asked), step_finish(asked, USED))
        agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_rows_only_in_the_wal(agent: Agent, database: Database, arrived: Arrived) -> None:
    whole = message(session(), USED)
    database.put(whole.session.project, whole.session)
    with database.writer() as connection:
        database.put_through(connection, whole)
        assert database.path.with_name("opencode.db-wal").stat().st_size > 0
        agent.once()
        assert arrived.holds(tokens=USED, messages=1)
        later = message(session(), USED, T0 + 40_000)
        database.put_through(connection, later)
        agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)


def test_a_wal_left_by_a_killed_writer(agent: Agent, tmp_path: Path, arrived: Arrived) -> None:
    """The database and its WAL as a power cut leaves them: no `-shm`, nobody who has it open."""
    elsewhere = Database(tmp_path / "before" / "opencode.db").create()
    with elsewhere.writer() as connection:
        whole = message(session(), USED)
        elsewhere.put_through(connection, whole.session.project, whole.session, whole)
        for name in ("opencode.db", "opencode.db-wal"):
            shutil.copy(elsewhere.path.with_name(name), agent.data_dir / name)
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_the_agent_leaves_the_stores_as_they_were(
    agent: Agent, tree: JsonTree, database: Database, arrived: Arrived
) -> None:
    whole = message(session(), USED)
    tree.put_turn(whole)
    database.put_turn(whole)
    before = {path: path.read_bytes() for path in agent.data_dir.rglob("*") if path.is_file()}
    agent.once()
    left = {path: path.read_bytes() for path in agent.data_dir.rglob("*") if path.suffix in (".json", ".db")}
    assert left == before
    assert arrived.messages() == 1


def test_2_x_alone(agent: Agent, arrived: Arrived) -> None:
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    new.put_turn(message(session(), USED, cost=0.5, model="gpt-6", provider="openai"))
    agent.once()
    agent.once()
    assert arrived.tokens_by("gen_ai.request.model") == {"gpt-6": USED}
    assert arrived.tokens_by("gen_ai.provider.name") == {"openai": USED}
    assert arrived.messages() == 1
    assert arrived.cost() == pytest.approx(0.5)


def test_2_x_beside_stale_v1_tables(agent: Agent, database: Database, arrived: Arrived) -> None:
    """The update took the session over; what v1 says of it stays behind as it was that day, perhaps half done."""
    finished, interrupted = message(session(), USED), message(session(), USED, T0 + 40_000)
    database.put_turn(finished, in_flight(interrupted))
    agent.once()
    assert arrived.messages() == 1
    DatabaseV2(database.path).create().put_turn(finished, interrupted)
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2, spans=2)


def test_v1_sessions_that_2_x_never_took_over(agent: Agent, database: Database, arrived: Arrived) -> None:
    database.put_turn(message(session(), USED))
    taken_over = message(session(T0 + 900_000), USED, T0 + 901_000)
    DatabaseV2(database.path).create().put_turn(taken_over)
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)


def test_session_message_without_session_v2_does_not_count(agent: Agent, database: Database, arrived: Arrived) -> None:
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


def test_session_message_of_a_session_unknown_to_session_v2(agent: Agent, arrived: Arrived) -> None:
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    known = message(session(), USED)
    new.put_turn(known)
    new.put(message(session(T0 + 900_000), USED, T0 + 901_000))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_other_kinds_of_session_message(agent: Agent, arrived: Arrived) -> None:
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    spoken = message(session(), USED)
    new.put_turn(spoken)
    with new.connection() as connection:
        for counter, kind in enumerate(("user", "shell", "compaction", "synthetic", "model-switched"), 2):
            row = new.place(message(session(), USED, T0 + counter * 1000))[1] | {"type": kind}
            upsert(connection, "session_message", row)
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_copies_in_the_event_table(agent: Agent, database: Database, arrived: Arrived) -> None:
    whole = message(session(), USED)
    database.put_turn(whole)
    database.execute("INSERT INTO event_sequence (aggregate_id, seq) VALUES (?, 3)", whole.session.id)
    for seq in range(3):
        info = compact({"info": whole.document() | {"id": f"msg_event{seq}"}})
        database.execute(
            "INSERT INTO event (id, aggregate_id, seq, type, data) VALUES (?, ?, ?, 'message.updated', ?)",
            f"evt_{seq}",
            whole.session.id,
            seq,
            info,
        )
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_session_totals_columns_are_no_source(agent: Agent, database: Database, arrived: Arrived) -> None:
    whole = message(session(), USED, cost=0.5)
    database.put_turn(whole)
    database.execute(
        "UPDATE session SET cost = 99.5, tokens_input = 70000, tokens_output = 8000, tokens_reasoning = 900,"
        " tokens_cache_read = 60000, tokens_cache_write = 5000"
    )
    agent.once()
    assert arrived.tokens() == USED
    assert arrived.cost() == pytest.approx(0.5)


def test_sessions_whose_file_is_gone(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    orphan = message(session(), USED)
    tree.put(orphan)
    agent.once()
    assert arrived.tokens_by("opencode.project.name") == {"persona": USED}
    assert arrived.messages_by("opencode.agent.kind") == {"primary": 1}


def test_a_session_file_that_comes_after_its_message(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    orphan = message(session(), USED)
    tree.put(orphan)
    agent.once()
    tree.put(orphan.session.project, orphan.session)
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_rows_whose_session_row_is_gone(agent: Agent, database: Database, arrived: Arrived) -> None:
    orphan = message(session(), USED)
    with database.connection() as connection:
        upsert(connection, "message", message_row(orphan))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_a_subagents_session(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    mother = message(session(), USED)
    child = message(session(T0 + 9_000, parent=mother.session.id), Tokens(7, 8, 0, 0, 0), T0 + 9_500, agent="general")
    tree.put_turn(mother, child)
    agent.once()
    assert arrived.tokens_by("opencode.agent.kind") == {"primary": USED, "subagent": Tokens(7, 8, 0, 0, 0)}
    assert arrived.tokens_by("gen_ai.agent.name") == {"build": USED, "general": Tokens(7, 8, 0, 0, 0)}


def test_older_messages_name_their_agent_only_as_mode(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(message(session(), USED, agent="plan", changes={"agent": ...}))
    agent.once()
    assert arrived.tokens_by("gen_ai.agent.name") == {"plan": USED}


def test_a_compaction_is_a_call_like_any_other(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(message(session(), USED, agent="compaction", changes={"summary": True}))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1, spans=1)


def test_json_written_by_an_old_binary_after_the_import(
    agent: Agent, tree: JsonTree, database: Database, arrived: Arrived
) -> None:
    imported = message(session(), USED)
    tree.put_turn(imported)
    database.put_turn(imported)
    agent.once()
    tree.put_turn(message(session(), USED, T0 + 40_000))
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)


def test_a_stale_file_beside_a_row_that_went_on(
    agent: Agent, tree: JsonTree, database: Database, arrived: Arrived
) -> None:
    """The file stays in flight for ever; the row, imported from it, was completed since."""
    whole = message(session(), USED)
    tree.put_turn(in_flight(whole))
    database.put_turn(replace(whole, total=1690))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)
