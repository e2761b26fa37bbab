"""Tool calls are kept with their messages, and agree with the totals that count them."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.ledger import schema
from otel_agent.ledger.calls_agree import differing_calls
from otel_agent.ledger.kept_calls import Found
from tests.support.made_stores import JsonTree, Tokens, message, session, tool
from tests.support.shell import Shell

DUMP = Path(__file__).parent / "ledger-8.sql"
COUNTED = 4
"""Calls that version 8 counted in the store of its dump."""


@pytest.fixture
def old(tmp_path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    database.executescript(f"BEGIN; {DUMP.read_text()}; COMMIT")
    return database


def test_a_ledger_of_version_8_keeps_its_totals_and_knows_that_it_kept_no_calls(old: sqlite3.Connection) -> None:
    before = old.execute("SELECT * FROM message ORDER BY number").fetchall()
    with closing(old):
        schema.prepare(old)
        after = old.execute("SELECT * FROM message ORDER BY number").fetchall()
        assert after == [(*row, Found.NOT_READ) for row in before]
        query = "SELECT sum(value) FROM series WHERE metric = 'opencode.tool.call.count'"
        assert old.execute(query).fetchone() == (COUNTED,)
        # What was counted before is set off, so nothing differs. Calls that no total counts do.
        assert differing_calls(old) == 0
        old.execute("INSERT INTO tool (number, name) VALUES (1, 'bash')")
        old.execute("INSERT INTO kept_call VALUES (1, 0, 1, 'ok', 1, 2)")
        assert differing_calls(old) == 0, "calls of the history are in no total"
        old.execute("UPDATE message SET calls_found = ? WHERE number = 1", (Found.WHEN_COUNTED,))
        assert differing_calls(old) == 1


def test_an_upgrade_that_is_killed_leaves_version_8(old: sqlite3.Connection) -> None:
    with closing(old):
        dumped = list(old.iterdump())

        def killed(done: int, total: int) -> None:
            if done < total:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            schema.prepare(old, killed)
        assert schema.version(old) == 8
        assert list(old.iterdump()) == dumped


def test_totals_and_kept_calls_of_a_made_store_agree(tmp_path: Path) -> None:
    """`verify` says so if they do not."""
    shell = Shell(tmp_path)
    now = time.time_ns() // 1_000_000
    of = session(now - 60_000)
    asked = message(of, Tokens(10), now - 60_000, completed=now - 50_000, finish="tool-calls")
    calls = [tool(asked, name, number) for number, name in enumerate(("bash", "bash", "edit"), 4)]
    JsonTree(shell.data_dir).put(of.project, of, asked, *calls)
    shell.output("summary", "tools")
    assert json.loads(shell.output("verify", "--json"))["unexplained"] == []
    with closing(sqlite3.connect(shell.state_dir / "ledger.db")) as ledger, ledger:
        ledger.execute("DELETE FROM kept_call WHERE position = 2")
    done = shell.run("verify", "--json")
    assert done.returncode == 1
    (found,) = json.loads(done.stdout)["unexplained"]
    assert "totals of tool calls, 1" in found["meaning"]
