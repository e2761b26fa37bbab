"""The command as a person types it: what it prints, its exit codes, and what it says if there is nothing to compare."""

from __future__ import annotations

import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import T0, Database, DatabaseV2, JsonTree, Tokens, fork_copy, message, session
from tests.verify.verified import Verified, change_ledger

USED = Tokens(1200, 80, 20, 400, 10)
HOUR = 3_600_000


def contents(folder: Path) -> dict[str, bytes]:
    """The content of every file, without the empty side files that SQLite makes for a reader."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if content and not name.endswith("-shm")}


def test_it_prints_how_the_numbers_are_reached(agent: Agent, new: DatabaseV2) -> None:
    first = session(version="2.0.17", totals=USED.plus(Tokens(7)), cost=1.5)
    fork = session(T0 + HOUR, 2, version="2.0.17", fork_of=first.id)
    call = message(first, USED, cost=1.5)
    new.put(first.project, first, fork, call, fork_copy(call, fork, T0 + HOUR))
    agent.once()
    run = agent.command("verify", "--tz", "UTC")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == [
        "Proven: every difference between OpenCode's records, the ledger and the backend has a name.",
        "",
        "messages  tokens      USD",
        "       2   3,420   3.0000  records in 1 store",
        "       0       7   0.0000  only in OpenCode's session totals (titles, and records deleted before the first look)",
        "      -1  -1,710  -1.5000    copied into a fork; the original counts",
        "       1   1,717   1.5000  counted in the ledger",
        "       1   1,717   1.5000  accepted by the backend",
        "",
        "The ledger agrees with the recount on 1 of 1 day, 2 of 2 models and 1 of 1 session.",
        "OpenCode's own totals of 1 session were compared too.",
    ]


def test_it_names_what_is_unexplained(agent: Agent, database: Database) -> None:
    of = session(version="1.18.33")
    call = message(of, USED)
    database.put_turn(call, message(of, USED, T0 + HOUR))
    agent.once()
    change_ledger(agent, f"UPDATE message SET input = input + 1, cache_write = 0 WHERE id = '{call.id}'")
    run = agent.command("verify", "--tz", "UTC")
    assert run.returncode == 1
    lines = run.stdout.splitlines()
    assert lines[0] == "NOT PROVEN: 5 differences without an explanation."
    sums = [
        line
        for table in ("context, 1", "session_use, 1", "slot_use, 1")
        for line in (
            f"  everywhere: a sum that the ledger keeps is not what its messages add up to: {table}",
            "      no amount",
        )
    ]
    assert lines[-11:] == [
        "Unexplained:",
        f"  2026-01-23  zai-coding-plan/glm-4.7  {of.id}: other numbers in the ledger than in the store",
        "      +1 input, -10 cache write",
        *sums,
        "  zai-coding-plan/glm-4.7: messages and published totals of the ledger differ",
        "      -1 input, +10 cache write",
    ]


def test_days_begin_in_the_zone_that_was_asked_for(agent: Agent, database: Database) -> None:
    """The call ended at 13:25 UTC."""
    call = message(session(version="1.18.33"), USED)
    database.put_turn(call)
    agent.once()
    change_ledger(agent, "UPDATE message SET input = input + 1")
    run = agent.command("verify", "--tz", "Pacific/Kiritimati")
    assert "  2026-01-24  " in run.stdout


def test_without_a_ledger_it_says_what_to_do(agent: Agent, database: Database) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    run = agent.command("verify")
    assert run.returncode == 2
    assert run.stdout == ""
    assert f"there is no ledger in {agent.state_dir}" in run.stderr
    assert "`otel-agent run`" in run.stderr
    assert not agent.state_dir.exists(), "it writes nothing"


def test_without_a_store_it_says_where_it_looked(agent: Agent, database: Database) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    agent.once()
    for path in agent.data_dir.iterdir():
        path.unlink()
    run = agent.command("verify", "--json")
    assert run.returncode == 2
    assert str(agent.data_dir) in run.stderr


def test_a_ledger_of_a_newer_version_is_left_alone(agent: Agent, database: Database) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    agent.once()
    with closing(sqlite3.connect(agent.state_dir / "ledger.db")) as ledger:
        ledger.execute("PRAGMA user_version = 99")
    run = agent.command("verify")
    assert run.returncode == 4
    assert "newer otel-agent" in run.stderr


def test_a_store_that_cannot_be_read_is_no_proof(agent: Agent, database: Database) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    agent.once()
    (agent.data_dir / "opencode-next.db").write_bytes(b"no database at all" * 400)
    found = Verified(agent)
    assert found.exit_code == 1
    assert found.unexplained() == [("unseen", "", "", "")]
    assert "opencode-next.db" in found.report["unexplained"][0]["meaning"]
    # The agent has met it now, and says so itself. That is no proof either.
    agent.once()
    assert Verified(agent).report == found.report


def test_it_changes_neither_stores_nor_ledger(agent: Agent, database: Database, tree: JsonTree) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    tree.put_turn(message(session(T0 + HOUR, 2), USED, T0 + HOUR))
    agent.once()
    before = contents(agent.data_dir), contents(agent.state_dir)
    assert Verified(agent).exit_code == 0
    assert (contents(agent.data_dir), contents(agent.state_dir)) == before


def test_it_helps_with_an_example(agent: Agent) -> None:
    run = agent.command("verify", "--help", COLUMNS="200")
    assert run.returncode == 0
    for word in ("--prometheus", "--timeout", "--tz", "--json", "otel-agent verify --prometheus http://localhost:9090"):
        assert word in run.stdout


@pytest.mark.parametrize("arguments", [["--timeout", "0"], ["--tz", "Mars/Olympus"]])
def test_options_that_cannot_be_used_are_refused(agent: Agent, database: Database, arguments: list[str]) -> None:
    run = agent.command("verify", *arguments)
    assert run.returncode == 2
    assert run.stderr


def test_ctrl_c_ends_it_without_a_traceback(agent: Agent, database: Database) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    agent.once()
    # Prometheus does not answer, so the command waits.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with agent.process("verify", "--prometheus", address) as run:
            silent.settimeout(60)
            connection, _ = silent.accept()
            with connection:
                ended = run.stop(signal.SIGINT)
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr
