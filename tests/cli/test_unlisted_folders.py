"""A folder that may be searched but not listed: what is in it by a known name is read, and every command says so."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import Database, JsonTree, OldTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.public_agent import public_agent

pytestmark = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")

SEARCHED: Final = 0o333
"""Its entries can be opened by name, and nobody but root gets a list of their names."""


@pytest.fixture
def user(tmp_path: Path, receiver: OtlpReceiver) -> Iterator[Agent]:
    """Yield an agent that is not root's."""
    with public_agent(tmp_path, receiver.endpoint) as agent:
        agent.data_dir.mkdir(parents=True)
        yield agent
        # So that the temporary folder can be deleted.
        agent.data_dir.chmod(0o777)
        for entry in agent.data_dir.iterdir():
            entry.chmod(0o777)


def put(store: Database | JsonTree | OldTree, number: int, tokens: int) -> None:
    call = message(session(counter=number), Tokens(input=tokens), counter=number)
    store.put(call.session.project, call.session, call) if isinstance(store, Database) else store.put(
        call.session, call
    )


def line(user: Agent) -> str:
    """Return the tokens that are counted, and the number of stores that cannot be read."""
    return user.command("statusline", "--format", "{all.tokens:exact} {unreadable:exact}").stdout.strip()


def answer(user: Agent, command: str) -> Any:
    return json.loads(user.command(command, "--json").stdout)


def test_the_stores_with_known_names_are_read_and_no_command_calls_them_unreadable(user: Agent) -> None:
    """OpenCode's own name is known to everyone, that of another release channel and of a project once it was read."""
    beta, project = Database(user.data_dir / "opencode-beta.db").create(), OldTree(user.data_dir)
    put(beta, 1, 1)
    put(project, 2, 10)
    user.once()
    assert line(user) == "11 0"
    put(Database(user.data_dir / "opencode.db").create(), 3, 100)
    put(JsonTree(user.data_dir), 4, 1_000)
    put(beta, 5, 10_000)
    put(project, 6, 100_000)
    for folder in (user.data_dir / "project", user.data_dir):
        folder.chmod(SEARCHED)
    user.once()
    assert line(user) == "111,111 0"
    said = " ".join(user.command("summary", COLUMNS="300").stdout.split())
    assert "Warning: 2 folders cannot be listed (no permission)" in said
    assert "Stores in it that are known by name are counted; others cannot be seen." in said
    status = answer(user, "status")
    assert (status["unreadable"], status["messages_elsewhere"]) == ([], 0)
    assert {each["problem"] for each in status["stores"]} == {None}
    assert sum(sum(each["counted"].values()) for each in status["stores"]) == 6
    found = [each for each in answer(user, "doctor") if each["link"] in ("data folder", "stores", "store")]
    assert [each["verdict"] for each in found if "cannot be listed" in each["seen"]] == ["warning", "warning"]
    assert not [each for each in found if each["verdict"] == "failure"]


def test_a_named_database_is_read_and_no_command_calls_it_unreadable(user: Agent) -> None:
    other = user.data_dir / "other.db"
    put(Database(other).create(), 1, 7)
    user.data_dir.chmod(SEARCHED)
    user.once(OPENCODE_DB=str(other))
    assert line(user) == "7 0"
    status = json.loads(user.command("status", "--json", OPENCODE_DB=str(other)).stdout)
    assert status["unreadable"] == []


def test_a_store_that_went_away_in_it_is_gone_and_not_unreadable(user: Agent) -> None:
    put(Database(user.data_dir / "opencode-beta.db").create(), 1, 1)
    put(JsonTree(user.data_dir), 2, 10)
    user.once()
    for file in user.data_dir.glob("opencode-beta.db*"):
        file.unlink()
    user.data_dir.chmod(SEARCHED)
    user.once()
    assert line(user) == "11 0"
    status = answer(user, "status")
    assert (status["unreadable"], status["messages_elsewhere"]) == ([], 1)


def test_a_folder_in_which_no_store_is_known_is_unreadable_to_every_command(user: Agent) -> None:
    put(Database(user.data_dir / "opencode-beta.db").create(), 1, 1)
    user.data_dir.chmod(SEARCHED)
    user.once()
    assert line(user) == "0 1"
    assert answer(user, "status")["unreadable"] == [str(user.data_dir)]
    seen = [each for each in answer(user, "doctor") if "cannot be listed" in each["seen"]]
    # The last one names it instead of a limit of the kernel.
    assert [(each["link"], each["verdict"]) for each in seen] == [("stores", "failure"), ("watching", "warning")]


def test_what_was_forbidden_and_may_only_be_searched_now_is_read_again(user: Agent) -> None:
    """The problem of the folder is another one then, as it is if permission is taken away step by step."""
    database = Database(user.data_dir / "opencode.db").create()
    put(database, 1, 1)
    user.once()
    for mode, shown in ((0, "1 1"), (SEARCHED, "11 0"), (0, "11 1"), (0o777, "11 0")):
        if mode == SEARCHED:
            user.data_dir.chmod(0o777)
            put(database, 2, 10)
        user.data_dir.chmod(mode)
        user.once()
        assert line(user) == shown, oct(mode)
