"""The stores that are read, and what looks like a store and is none; those of 2.x have a module of their own."""

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
def test_a_tree_beside_an_empty_database_is_read(
    agent: Agent, tree: JsonTree, arrived: Arrived, make: Callable[[Path], None]
) -> None:
    tree.put_turn(message(session(), USED))
    make(agent.data_dir / "opencode.db")
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_an_empty_database_that_fills_later_is_read(agent: Agent, arrived: Arrived) -> None:
    zero_bytes(agent.data_dir / "opencode.db")
    agent.once()
    Database(agent.data_dir / "opencode.db").create().put_turn(message(session(), USED))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_a_store_that_appears_later_is_read(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    agent.data_dir.rmdir()
    agent.once()
    tree.put_turn(message(session(), USED))
    agent.once()
    assert arrived.tokens() == USED


@pytest.mark.parametrize("release", RELEASES)
def test_a_database_of_each_release_is_read(agent: Agent, arrived: Arrived, release: str) -> None:
    Database(agent.data_dir / "opencode.db", release).create().put_turn(message(session(), USED, total=1690))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_the_tree_of_releases_before_0_6_is_read(agent: Agent, old_tree: OldTree, arrived: Arrived) -> None:
    asked = message(session(version="0.5.29"), USED, changes={"parentID": ..., "finish": ...})
    old_tree.put(asked.session, asked, step_start(asked), step_finish(asked, USED))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_a_turn_copied_from_the_oldest_tree_to_the_newer_counts_once(
    agent: Agent, old_tree: OldTree, tree: JsonTree, arrived: Arrived
) -> None:
    """An upgrade to 0.6 copies files under their ids and leaves the old ones where they are."""
    asked = message(session(version="0.5.29"), USED, changes={"parentID": ..., "finish": ...})
    for store in (old_tree, tree):
        store.put(asked.session, asked, step_start(asked), step_finish(asked, USED))
        agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_rows_that_are_only_in_the_wal_count(agent: Agent, database: Database, arrived: Arrived) -> None:
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


def test_rows_in_a_wal_left_by_a_killed_writer_count(agent: Agent, tmp_path: Path, arrived: Arrived) -> None:
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


def test_copies_in_the_event_table_do_not_count(agent: Agent, database: Database, arrived: Arrived) -> None:
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


def test_the_totals_in_the_session_table_are_not_used(agent: Agent, database: Database, arrived: Arrived) -> None:
    whole = message(session(), USED, cost=0.5)
    database.put_turn(whole)
    database.execute(
        "UPDATE session SET cost = 99.5, tokens_input = 70000, tokens_output = 8000, tokens_reasoning = 900,"
        " tokens_cache_read = 60000, tokens_cache_write = 5000"
    )
    agent.once()
    assert arrived.tokens() == USED
    assert arrived.cost() == pytest.approx(0.5)


def test_a_message_in_the_tree_counts_without_its_session(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    orphan = message(session(), USED)
    tree.put(orphan)
    agent.once()
    assert arrived.tokens_by("opencode.project.name") == {"persona": USED}
    assert arrived.messages_by("opencode.agent.kind") == {"primary": 1}


def test_a_session_file_that_comes_after_its_message_adds_nothing(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    orphan = message(session(), USED)
    tree.put(orphan)
    agent.once()
    tree.put(orphan.session.project, orphan.session)
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_a_row_counts_without_the_row_of_its_session(agent: Agent, database: Database, arrived: Arrived) -> None:
    orphan = message(session(), USED)
    with database.connection() as connection:
        upsert(connection, "message", message_row(orphan))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_calls_of_a_sub_agent_are_counted_apart(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    mother = message(session(), USED)
    child = message(session(T0 + 9_000, parent=mother.session.id), Tokens(7, 8, 0, 0, 0), T0 + 9_500, agent="general")
    tree.put_turn(mother, child)
    agent.once()
    assert arrived.tokens_by("opencode.agent.kind") == {"primary": USED, "subagent": Tokens(7, 8, 0, 0, 0)}
    assert arrived.tokens_by("gen_ai.agent.name") == {"build": USED, "general": Tokens(7, 8, 0, 0, 0)}


def test_the_agent_of_an_older_message_is_its_mode(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(message(session(), USED, agent="plan", changes={"agent": ...}))
    agent.once()
    assert arrived.tokens_by("gen_ai.agent.name") == {"plan": USED}


def test_a_compaction_is_a_call_like_any_other(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(message(session(), USED, agent="compaction", changes={"summary": True}))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1, spans=1)


def test_json_written_by_an_old_release_after_the_import_counts(
    agent: Agent, tree: JsonTree, database: Database, arrived: Arrived
) -> None:
    imported = message(session(), USED)
    tree.put_turn(imported)
    database.put_turn(imported)
    agent.once()
    tree.put_turn(message(session(), USED, T0 + 40_000))
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)


def test_a_row_counts_although_a_stale_file_of_it_stays_in_flight(
    agent: Agent, tree: JsonTree, database: Database, arrived: Arrived
) -> None:
    """The file stays in flight for ever; the row, imported from it, was completed since."""
    whole = message(session(), USED)
    tree.put_turn(in_flight(whole))
    database.put_turn(replace(whole, total=1690))
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)
