"""Databases that are none, damaged, locked, replaced or gone: reported, survived, and made up for later."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import T0, Database, JsonTree, Message, Tokens, message, session
from tests.support.waiting import eventually

USED = Tokens(1200, 80, 20, 400, 10)
IN_TREE = message(session(), USED)
IN_DATABASE = message(session(), USED, T0 + 40_000)


def many(count: int) -> list[Message]:
    """Enough rows for hundreds of pages."""
    long = {"structured": "x" * 400}
    return [message(session(), Tokens(input=1), T0 + n * 1000, changes=long) for n in range(count)]


def filled(path: Path, rows: list[Message]) -> Database:
    database = Database(path).create()
    with database.connection() as connection:
        database.put_through(connection, rows[0].session.project, rows[0].session, *rows)
    return database


@pytest.mark.parametrize(
    "content",
    [
        b"this is not a database, whatever its name says\n" * 99,
        b"SQLite format 3\0",
        b"SQLite format 3\0" + b"\xff" * 8176,
    ],
    ids=["text", "header-cut-short", "header-and-garbage"],
)
def test_a_file_that_is_no_database_stops_nothing_and_its_successor_counts(
    agent: Agent, tree: JsonTree, arrived: Arrived, content: bytes
) -> None:
    tree.put_turn(IN_TREE)
    path = agent.data_dir / "opencode.db"
    path.write_bytes(content)
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)
    path.unlink()
    Database(path).create().put_turn(IN_DATABASE)
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)


def test_a_folder_named_like_a_database_stops_nothing(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(IN_TREE)
    (agent.data_dir / "opencode.db").mkdir()
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


@pytest.mark.parametrize("damage", ["cut-in-half", "pages-overwritten", "root-page-overwritten"])
def test_damaged_pages_count_nothing_twice_and_the_repair_counts_all(
    agent: Agent, tree: JsonTree, arrived: Arrived, damage: str
) -> None:
    """Whatever can be read may count; nothing counts twice; after a repair the total is the truth."""
    tree.put_turn(message(session(), Tokens(output=7), T0 - 90_000))
    database = filled(agent.data_dir / "opencode.db", many(900))
    sound = database.path.read_bytes()
    database.path.write_bytes(damaged(sound, damage))
    agent.once()
    assert arrived.tokens().output == 7
    assert arrived.tokens().input <= 900
    database.path.write_bytes(sound)
    agent.once()
    agent.once()
    assert arrived.holds(tokens=Tokens(900, 7), messages=901)


def test_status_alarms_for_a_store_that_was_read_before_and_for_no_other_file(agent: Agent) -> None:
    """A file that never was a store may be named like one for ever."""
    (agent.data_dir / "opencode-notes.db").write_text("not a database")
    database = filled(agent.data_dir / "opencode.db", many(900))
    sound = database.path.read_bytes()
    agent.once()
    database.path.write_bytes(damaged(sound, "root-page-overwritten"))
    with agent.process("run", OTEL_AGENT_RESCAN_INTERVAL_SECONDS="0.2"):
        eventually(lambda: alarm(agent), (4, str(database.path)))
        database.path.write_bytes(sound)
        eventually(lambda: alarm(agent), (0, ""))


def alarm(agent: Agent) -> tuple[int, str]:
    """Return the exit code of `status`, and the stores that it calls unreadable."""
    run = agent.command("status", "--json")
    return run.returncode, ", ".join(json.loads(run.stdout)["unreadable"])


def damaged(sound: bytes, how: str) -> bytes:
    page = 4096
    assert len(sound) > 100 * page
    match how:
        case "cut-in-half":
            return sound[: len(sound) // 2 // page * page]
        case "pages-overwritten":
            return sound[: 40 * page] + b"\xa5" * (20 * page) + sound[60 * page :]
        case _:
            return sound[:100] + b"\xa5" * (page - 100) + sound[page:]


@pytest.fixture(params=["rollback-journal", "exclusive-wal"])
def locked(request: pytest.FixtureRequest, agent: Agent) -> Database:
    """A database another program may lock against every reader; in plain WAL mode nobody can."""
    database = Database(agent.data_dir / "opencode.db").create()
    database.put_turn(IN_DATABASE)
    if request.param == "rollback-journal":
        with closing(sqlite3.connect(database.path)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
        long_ago = database.path.stat().st_mtime - 60  # OpenCode is not just making it
        os.utime(database.path, (long_ago, long_ago))
    return database


def test_a_locked_database_is_read_once_it_is_free(
    agent: Agent, tree: JsonTree, locked: Database, arrived: Arrived
) -> None:
    tree.put_turn(IN_TREE)
    with closing(sqlite3.connect(locked.path, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode=EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("UPDATE session SET title = 'locked'")
        run = agent.once()
        assert "locked" in run.stderr
        assert arrived.holds(tokens=USED, messages=1)
        holder.execute("ROLLBACK")
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)


def test_rows_of_an_open_write_transaction_count_after_its_commit(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """An open write transaction in WAL mode hides its rows, and only those."""
    database.put_turn(IN_TREE)
    with database.writer() as connection:
        connection.execute("BEGIN IMMEDIATE")
        database.put_through(connection, IN_DATABASE)
        agent.once()
        assert arrived.messages() == 1
        connection.execute("COMMIT")
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)


def test_a_database_in_the_place_of_one_that_vanished_is_read_in_full(agent: Agent, arrived: Arrived) -> None:
    path = agent.data_dir / "opencode.db"
    filled(path, many(30))
    agent.once()
    path.unlink()
    agent.once()
    assert arrived.messages() == 30
    filled(path, [IN_DATABASE])
    agent.once()
    assert arrived.tokens() == Tokens(30).plus(USED)


def test_rows_written_after_a_backup_was_restored_count(agent: Agent, arrived: Arrived) -> None:
    """Fewer rows, smaller rowids, the same inode: what comes after the restore takes rowids that were read before.

    The clock went back with the backup, so that `time_updated` shows nothing new either.
    """
    path = agent.data_dir / "opencode.db"
    rows = many(30)
    database = filled(path, rows[:10])
    backup = path.read_bytes()
    filled(path, rows)
    agent.once()
    path.write_bytes(backup)
    new = (message(session(), Tokens(output=1), T0 - 900_000 + n) for n in range(15))
    database.put_turn(*new, updated=T0 - 900_000)
    agent.once()
    assert arrived.holds(tokens=Tokens(30, 15), messages=45)


def test_a_vacuum_between_two_runs_changes_no_count(agent: Agent, arrived: Arrived) -> None:
    """It may give the rows of a table new numbers."""
    rows = many(30)
    database = filled(agent.data_dir / "opencode.db", rows)
    agent.once()
    database.remove(*rows[:20])
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("VACUUM")
    database.put_turn(IN_DATABASE)
    agent.once()
    assert arrived.tokens() == Tokens(30).plus(USED)
    assert arrived.messages() == 31


def test_a_broken_database_does_not_stop_a_sound_one_beside_it(agent: Agent, arrived: Arrived) -> None:
    (agent.data_dir / "opencode.db").write_bytes(b"\0" * 8192)
    Database(agent.data_dir / "opencode-beta.db").create().put_turn(IN_DATABASE)
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE part; CREATE TABLE part (id TEXT, body TEXT)",
        "DROP TABLE session; CREATE TABLE session (name TEXT)",
    ],
    ids=["part", "session"],
)
def test_messages_count_although_another_table_has_an_unknown_shape(
    agent: Agent, arrived: Arrived, change: str
) -> None:
    """The messages count; only what the table would have added is missing. One without tokens would be looked up in it."""
    path = agent.data_dir / "opencode.db"
    filled(path, [IN_DATABASE, message(session(), Tokens(), T0 + 80_000)])
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"PRAGMA foreign_keys = OFF; {change}")
    agent.once()
    assert arrived.holds(tokens=USED, messages=2)
