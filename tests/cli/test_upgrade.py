"""The upgrade of a ledger of an older version says how far it is."""

from __future__ import annotations

import io
import logging
import os
import shutil
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.cli import upgrade
from otel_agent.ledger import schema
from otel_agent.ledger.opening import open_ledger
from tests.support.agent import Agent
from tests.support.paths import ROOT, STORES

OLD = ROOT / "tests" / "ledger" / "ledger-5.sql"
STOP_IN_THE_MIDDLE = """
import os, signal
from otel_agent.ledger import schema
prepare = schema.prepare
def slowly(database, on_migration):
    on_migration(0, 100)
    os.kill(os.getpid(), signal.SIGSTOP)
    on_migration(50, 100)
    prepare(database, on_migration)
schema.prepare = slowly
"""


def put_old_ledger(state_dir: Path) -> None:
    state_dir.mkdir(parents=True)
    with closing(sqlite3.connect(state_dir / "ledger.db")) as database:
        database.executescript(OLD.read_text())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_opening_an_older_ledger_reports_its_begin_and_its_end(tmp_path: Path) -> None:
    put_old_ledger(tmp_path / "state")
    reported: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        reported.append((done, total))
        if done < total:
            assert version(tmp_path / "state") == 5

    for _ in range(2):  # the second time it is of this version, which brings no report
        open_ledger(tmp_path / "state", now_ns=time.time_ns(), backfill_from_ms=0, on_migration=tell).close()
    first, last = reported[0], reported[-1]
    assert first[0] == 0
    assert last[0] == last[1] > 0
    assert all(done < total for done, total in reported[:-1])
    assert version(tmp_path / "state") == schema.VERSION


def version(state_dir: Path) -> int:
    with closing(sqlite3.connect(f"file:{state_dir / 'ledger.db'}?mode=ro", uri=True)) as database:
        return schema.version(database)


def test_a_new_ledger_is_no_upgrade(tmp_path: Path) -> None:
    reported: list[int] = []
    open_ledger(
        tmp_path / "state",
        now_ns=time.time_ns(),
        backfill_from_ms=0,
        on_migration=lambda done, _: reported.append(done),
    ).close()
    assert reported == []


@pytest.mark.parametrize("command", [("run", "--once"), ("summary", "models", "--range", "all")])
def test_the_log_of_a_run_says_that_the_ledger_is_upgraded_and_a_pipe_stays_clean(
    command: tuple[str, ...], agent: Agent
) -> None:
    put_old_ledger(agent.state_dir)
    shutil.copytree(STORES / "sqlite-1.18.33-fork" / "opencode", agent.data_dir, dirs_exist_ok=True)
    run = agent.command(*command)
    assert run.returncode == 0
    if command[0] == "run":
        assert run.stderr.count("upgrading the ledger to this version of otel-agent") == 1
        assert run.stderr.count("upgraded the ledger in ") == 1
    else:
        assert run.stderr == ""


def test_the_resident_agent_logs_the_upgrade_before_it_reads(agent: Agent) -> None:
    put_old_ledger(agent.state_dir)
    with agent.process("run") as run:
        run.wait_for_log("upgraded the ledger in ")
        assert run.stop().returncode == 0


def test_an_agent_that_is_stopped_in_the_middle_of_an_upgrade_leaves_the_ledger_as_it_was(agent: Agent) -> None:
    put_old_ledger(agent.state_dir)
    with agent.process("run", prelude=STOP_IN_THE_MIDDLE) as run:
        stopped = os.waitid(os.P_PID, run.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert stopped is not None
        assert stopped.si_status == signal.SIGSTOP, run.log
        run.send(signal.SIGTERM)
        run.send(signal.SIGCONT)
        ended = run.wait()
    assert ended.returncode == 0
    assert "stopped before the ledger was upgraded; the next start upgrades it" in ended.stderr
    assert version(agent.state_dir) == 5
    agent.once()
    assert version(agent.state_dir) == schema.VERSION


def test_a_long_upgrade_shows_a_bar_on_a_terminal_that_is_gone_at_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    terminal, clock = Terminal(), [0.0]
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with caplog.at_level(logging.INFO), upgrade.shown(lambda: clock[-1]) as tell:
        tell(0, 1)
        assert "Upgrading" not in terminal.getvalue(), "a short upgrade needs no bar"
        clock.append(6.0)
        tell(36, 100)
        assert "Upgrading the ledger" in terminal.getvalue()
        clock.append(7.0)
        tell(1, 1)
    assert "36 %" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K"), "the line is empty again"
    assert [record.message for record in caplog.records] == [
        "upgrading the ledger to this version of otel-agent",
        "upgrading the ledger: 36 %",
        "upgraded the ledger in 7.0 s",
    ]
