"""A store that gave messages and cannot be read now: whoever looks at a number is told that it lacks what is new there."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import Database, JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.public_agent import public_agent
from tests.support.shell import Shell
from tests.support.waiting import eventually

AND_NO_MORE = "2 messages from there are counted; any others, such as newer ones, are missing."


@pytest.fixture
def counted(tmp_path: Path) -> Shell:
    """Two messages of a database and one of a tree are counted."""
    shell = Shell(tmp_path)
    Database(shell.data_dir / "opencode.db").create().put_turn(
        message(session(), Tokens(input=40)), message(session(), Tokens(input=2), counter=2)
    )
    JsonTree(shell.data_dir).put_turn(message(session(counter=5), Tokens(input=7), counter=5))
    assert shell.output("statusline", "--format", "{all.tokens}") == "0 (history not read yet)\n"
    shell.output("summary")
    assert shell.output("statusline", "--format", "{all.tokens}{unreadable}") == "49\n"
    return shell


def spoil(shell: Shell) -> bytes:
    """Damage the database, and let a summary notice it; return what it was."""
    path = shell.data_dir / "opencode.db"
    sound = path.read_bytes()
    path.write_bytes(b"this is not a database, whatever its name says\n" * 99)
    shell.output("summary")
    return sound


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{all.tokens}", "49 (! 1 store unreadable)"),
        ("{unreadable} {all.tokens}", "! 1 store unreadable 49"),
        ("{all.tokens} {unreadable:exact}", "49 1"),
    ],
)
def test_a_status_line_says_that_a_damaged_store_is_missing(counted: Shell, template: str, shown: str) -> None:
    spoil(counted)
    assert counted.output("statusline", "--format", template) == f"{shown}\n"


def test_a_status_line_says_nothing_of_it_once_the_store_is_read_again(counted: Shell) -> None:
    sound = spoil(counted)
    (counted.data_dir / "opencode.db").write_bytes(sound)
    counted.output("summary")
    assert counted.output("statusline", "--format", "{all.tokens} {unreadable:exact}") == "49 0\n"


def test_a_status_line_says_nothing_of_a_file_that_never_was_a_store(counted: Shell) -> None:
    (counted.data_dir / "opencode-notes.db").write_text("not a database")
    counted.output("summary")
    assert counted.output("statusline", "--format", "{all.tokens}") == "49\n"


def test_a_status_line_says_that_a_locked_store_is_missing(counted: Shell) -> None:
    with closing(sqlite3.connect(counted.data_dir / "opencode.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("CREATE TABLE other (id INTEGER)")
        counted.output("summary")
        assert counted.output("statusline", "--format", "{all.tokens}") == "49 (! 1 store unreadable)\n"


@pytest.mark.parametrize("command", [("summary",), ("summary", "models"), ("status",), ("doctor",)], ids=" ".join)
def test_a_command_says_how_much_a_damaged_store_gave_and_when_that_was_noticed(
    counted: Shell, command: tuple[str, ...]
) -> None:
    spoil(counted)
    said = " ".join(counted.run(*command, COLUMNS="120").stdout.split())
    assert re.search(r"opencode\.db, noticed 2\d{3}-\d\d-\d\d \d\d:\d\d", said)
    assert AND_NO_MORE in said


def test_several_damaged_stores_are_added_up(counted: Shell) -> None:
    Database(counted.data_dir / "opencode-beta.db").create().put_turn(
        message(session(counter=8), Tokens(input=1), counter=8)
    )
    counted.output("summary")
    (counted.data_dir / "opencode-beta.db").write_bytes(b"neither is this one\n" * 99)
    spoil(counted)
    said = " ".join(counted.output("summary", COLUMNS="120").split())
    assert "Warning: 2 databases could not be read (damaged, or not a database), noticed 2" in said
    assert AND_NO_MORE.replace("2", "3") + " `otel-agent doctor` names them." in said


def test_status_names_the_problem_of_each_store(counted: Shell) -> None:
    spoil(counted)
    database, tree = sorted(
        json.loads(counted.run("status", "--json").stdout)["stores"], key=lambda each: str(each["name"])
    )
    assert (database["problem"]["kind"], tree["problem"]) == ("damaged", None)
    page = " ".join(counted.run("status", COLUMNS="200").stdout.split())
    assert "opencode.db: 2 messages (v1). It cannot be read (damaged, noticed 2" in page


@pytest.fixture
def user(tmp_path: Path, receiver: OtlpReceiver) -> Iterator[Agent]:
    """Yield an agent that is not root's, and has counted two messages."""
    with public_agent(tmp_path, receiver.endpoint) as agent:
        JsonTree(agent.data_dir).put_turn(
            message(session(), Tokens(input=40)), message(session(), Tokens(input=2), counter=2)
        )
        agent.once()
        yield agent


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
@pytest.mark.parametrize("noted", [True, False], ids=["by-a-pass", "only-now"])
@pytest.mark.parametrize("folder", [".", "storage"])
def test_a_store_in_a_folder_that_nobody_may_look_into_is_neither_gone_nor_whole(
    user: Agent, noted: bool, folder: str
) -> None:
    barred = user.data_dir / folder
    barred.chmod(0)
    try:
        if noted:
            user.once()
        status = json.loads(user.command("status", "--json").stdout)
        found = json.loads(user.command("doctor", "--json").stdout)
    finally:
        barred.chmod(0o755)
    (store,) = status["stores"]
    assert (store["counted"], store["problem"]["kind"]) == ({"tree": 2}, "no_access")
    assert status["unreadable"] == [store["name"]]
    assert status["messages_elsewhere"] == 0
    assert any("data/opencode" in warning for warning in status["warnings"])
    assert not any("no OpenCode data was found" in each["seen"] for each in found)
    assert AND_NO_MORE in [each["meaning"] for each in found if each["link"] in ("data folder", "stores")]
    user.once()
    assert json.loads(user.command("status", "--json").stdout)["unreadable"] == []


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_a_database_that_was_never_read_is_missing_if_it_may_not_be_read(user: Agent) -> None:
    database = Database(user.data_dir / "opencode.db").create()
    database.put_turn(message(session(counter=8), Tokens(input=1), counter=8))
    for file in user.data_dir.glob("opencode.db*"):
        file.chmod(0)
    user.once()
    assert user.command("statusline", "--format", "{all.tokens}").stdout == "42 (! 1 store unreadable)\n"
    status = json.loads(user.command("status", "--json").stdout)
    assert status["unreadable"] == [str(database.path)]
    page = " ".join(user.command("status", COLUMNS="200").stdout.split())
    assert "opencode.db: no message counted yet. It cannot be read (no access, noticed 2" in page
    assert ": nothing in it is counted" in page


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_the_folder_of_a_named_database_that_nobody_may_look_into_is_said(user: Agent) -> None:
    folder = user.home / "elsewhere"
    folder.mkdir()
    Database(folder / "other.db").create()
    folder.chmod(0)
    user.once(OPENCODE_DB=str(folder / "other.db"))
    folder.chmod(0o755)
    assert user.command("statusline", "--format", "{all.tokens}").stdout == "42 (! 1 store unreadable)\n"


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_status_alarms_for_a_store_in_a_folder_that_nobody_may_look_into(user: Agent) -> None:
    prelude = f"import os; os.setuid({user.uid})" if user.uid else ""
    with user.process("run", prelude=prelude, OTEL_AGENT_RESCAN_INTERVAL_SECONDS="0.2") as run:
        user.data_dir.chmod(0)
        try:
            eventually(lambda: user.command("status").returncode, 4, why_not=lambda: run.log)
        finally:
            user.data_dir.chmod(0o755)
        eventually(lambda: user.command("status").returncode, 0, why_not=lambda: run.log)
        run.stop()


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_the_doctor_does_not_say_that_nothing_is_counted_of_a_session_that_was_counted(user: Agent) -> None:
    (folder,) = (user.data_dir / "storage" / "message").iterdir()
    folder.chmod(0)
    try:
        found = json.loads(user.command("doctor", "--json").stdout)
    finally:
        folder.chmod(0o755)
    (store,) = [each for each in found if each["link"] == "store"]
    assert f"{folder} cannot be listed" in store["seen"]
    assert store["meaning"] == "Only messages that were counted before are counted."
