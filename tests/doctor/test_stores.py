"""`doctor` and `status` name each store, what of it is counted, and why it cannot be read."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.doctor.examined import examined, of, one
from tests.support.made_stores import T0, Database, JsonTree, Tokens, fork_copy, message, session
from tests.support.shell import Shell

USED = Tokens(7)


def test_messages_that_waited_for_the_end_of_a_pass_count_for_their_store(shell: Shell) -> None:
    """Copies whose original is gone, and a call that was killed."""
    tree, fork = JsonTree(shell.data_dir), session(T0 + 3_600_000, 2)
    killed = replace(message(session(), USED, T0, 9), completed=None)
    tree.put_turn(message(session(), USED), killed, message(fork, USED, T0 + 7_200_000, 3))
    for number in (20, 21):
        gone = message(session(T0, 5), Tokens(number), T0 + number, number)
        tree.put_turn(fork_copy(gone, fork, T0 + 3_600_000 + number, number + 10))
    shell.output("summary")
    found = json.loads(shell.run("status", "--json").stdout)
    assert found["stores"] == [{"name": f"{shell.data_dir}/storage/message", "counted": {"tree": 5}, "problem": None}]
    assert found["messages_elsewhere"] == 0
    # A ledger of an older agent does not know it.
    with closing(sqlite3.connect(shell.state_dir / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE store SET messages = 2")
    assert "3 messages whose store is gone, or not known any more" in shell.run("status").stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
@pytest.mark.parametrize("which", ["a session's", "all"])
def test_a_folder_that_may_not_be_listed_is_named(shell: Shell, which: str) -> None:
    tree = JsonTree(shell.data_dir)
    tree.put_turn(message(session(), USED))
    messages = shell.data_dir / "storage" / "message"
    folder = messages if which == "all" else next(messages.iterdir())
    folder.chmod(0)
    try:
        found = examined(shell, 1)
    finally:
        folder.chmod(0o700)
    assert f"{folder} cannot be listed" in one(found, "store", "failure")["seen"]
    assert all(f"chmod u+rx {folder}" in each["advice"] for each in of(found, "watching") if each["advice"])


def test_a_link_in_a_circle_beside_the_sessions_hides_none_of_them(shell: Shell) -> None:
    JsonTree(shell.data_dir).put_turn(message(session(), USED))
    (shell.data_dir / "storage" / "message" / "circle").symlink_to("circle")
    assert "1 message file" in one(examined(shell, 0), "store", "ok")["seen"]


def test_a_database_that_another_program_holds_is_named_and_everything_else_examined(shell: Shell) -> None:
    database = Database(shell.data_dir / "opencode.db").create()
    database.put_turn(message(session(), USED))
    with closing(sqlite3.connect(Path(database.path), isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("CREATE TABLE other (id INTEGER)")
        found = examined(shell, 1)
    assert "is locked by another program" in one(found, "store", "failure")["seen"]
    assert one(found, "processes", "ok")
