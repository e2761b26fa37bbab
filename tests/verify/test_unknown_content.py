"""While the content of a store is unknown, nothing is proven, whatever the agent has noted before."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.dead_mount import dead_mount, opening_hangs
from tests.support.made_stores import T0, Database, DatabaseV2, JsonTree, Tokens, message, session
from tests.verify.verified import Verified, age

USED = Tokens(1200, 80, 20, 400, 10)
HOUR = 3_600_000


def unproven(agent: Agent, number: int = 1) -> list[str]:
    """Assert that nothing is proven, before the agent looks and afterwards; return the places that are named."""
    found = Verified(agent)
    agent.attempt()
    again = Verified(agent)
    assert again.report == found.report, "the verdict does not depend on what the agent has noted"
    assert (found.exit_code, found.report["ok"]) == (1, False)
    assert found.unexplained() == [("unseen", "", "", "")] * number
    assert all("what is in it is unknown: " in each["meaning"] for each in found.report["unexplained"])
    return [each["meaning"].split("is unknown: ")[1] for each in found.report["unexplained"]]


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 400)


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 // 4096 * 4096])


def test_the_first_lines_say_what_is_unknown(agent: Agent, database: Database) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    agent.once()
    garbage(database.path)
    age(agent)
    agent.once()
    run = agent.command("verify", "--tz", "UTC")
    assert (run.returncode, run.stderr) == (1, "")
    lines = run.stdout.splitlines()
    assert lines[0] == "NOT PROVEN: what is in 1 place is unknown, because it cannot be read now."
    assert "The ledger agrees with the recount on 0 of 1 day, 0 of 1 model and 0 of 1 session." in lines
    assert lines[-2:] == [
        f"  everywhere: a place cannot be read, so what is in it is unknown: {database.path} (file is not a database)",
        "      `otel-agent doctor` says what to do",
    ]


@pytest.mark.parametrize("form", [Database, DatabaseV2])
@pytest.mark.parametrize("damage", [garbage, half])
def test_a_damaged_database(agent: Agent, form: type[Database], damage: Callable[[Path], None]) -> None:
    database = form(agent.data_dir / "opencode.db").create()
    for step in range(40):
        of = session(T0 + step * HOUR, step, version="2.0.17" if form is DatabaseV2 else "1.18.33")
        database.put_turn(message(of, USED, T0 + step * HOUR))
    agent.once()
    for log in agent.data_dir.glob("*-wal"):
        log.unlink()
    damage(database.path)
    age(agent)
    (place,) = unproven(agent)
    assert place.startswith(f"{database.path} (")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ("ALTER TABLE message RENAME TO message_v2", "message_v2 is of a later release"),
        ("ALTER TABLE message RENAME TO replies", "the table replies is unknown"),
        ("CREATE TABLE session_v3 (id); INSERT INTO session_v3 VALUES (1)", "session_v3 is of a later release"),
        (
            "ALTER TABLE message RENAME TO old; CREATE VIEW message AS SELECT * FROM old",
            "message is a view or a virtual table",
        ),
    ],
)
def test_tables_that_nobody_knows(agent: Agent, database: Database, changes: str, named: str) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    agent.once()
    with closing(sqlite3.connect(database.path)) as connection:
        connection.executescript(
            f"PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON; DROP TABLE part; {changes}"
        )
    assert any(named in place for place in unproven(agent, number=1 + ("VIEW" in changes)))


def test_rows_of_a_type_that_nobody_knows(agent: Agent, new: DatabaseV2) -> None:
    new.put_turn(message(session(version="2.0.17"), USED))
    agent.once()
    new.execute("UPDATE session_message SET type = 'reply' WHERE type = 'assistant'")
    assert "the unknown type reply" in unproven(agent)[0]


def test_a_new_database_of_opencode_is_no_unknown_content(agent: Agent, database: Database) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    agent.once()
    DatabaseV2(agent.data_dir / "opencode-next.db").create()
    assert Verified(agent).exit_code == 0


@pytest.mark.parametrize("mode", [0o000, 0o444])
@pytest.mark.parametrize("number", [1, 2])
def test_folders_of_messages_without_permission(public: Agent, mode: int, number: int) -> None:
    """One that may be listed and not searched is as unknown as one that may not even be listed."""
    tree = JsonTree(public.data_dir)
    calls = [message(session(T0 + step * HOUR, step), USED, T0 + step * HOUR) for step in range(1, 4)]
    tree.put_turn(*calls)
    public.once()
    folders = [tree.path(call).parent for call in calls[:number]]
    try:
        for folder in folders:
            folder.chmod(mode)
        places = unproven(public, number)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert sorted(places) == sorted(f"{folder} (Permission denied)" for folder in folders)


@pytest.mark.parametrize("level", ["file", "all messages", "sessions", "data folder"])
def test_other_places_of_a_tree_without_permission(public: Agent, level: str) -> None:
    tree = JsonTree(public.data_dir)
    tree.put_turn(call := message(session(), USED))
    barred = {
        "file": tree.path(call),
        "all messages": tree.path(call).parent.parent,
        "sessions": tree.path(call.session).parent,
        "data folder": public.data_dir,
    }[level]
    public.once()
    before = barred.stat().st_mode
    barred.chmod(0)
    try:
        # A data folder has a folder of projects, too.
        places = unproven(public, number=2 if barred == public.data_dir else 1)
    finally:
        barred.chmod(before)
    assert any(place.startswith(f"{barred} (") for place in places)


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
def test_a_database_that_hangs(agent: Agent, database: Database) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    agent.once()
    with opening_hangs(database.path):
        found = Verified(agent)
    assert (found.exit_code, found.unexplained()) == (1, [("unseen", "", "", "")])
    assert f"{database.path} (it does not answer, waited for 5 s)" in found.report["unexplained"][0]["meaning"]


@pytest.mark.skipif(sys.platform != "linux", reason="FUSE is Linux's")
def test_a_tree_that_hangs(agent: Agent, tree: JsonTree) -> None:
    tree.put_turn(call := message(session(), USED))
    agent.once()
    folder = tree.path(call).parent.parent
    try:
        with dead_mount(folder):
            found = Verified(agent)
    except OSError:
        pytest.skip("this user may not mount")
    assert (found.exit_code, found.unexplained()) == (1, [("unseen", "", "", "")])
    assert os.fspath(agent.data_dir) in found.report["unexplained"][0]["meaning"]
