"""Somebody removes, replaces or changes the ledger while the agent runs: it notices, and nothing counts twice."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.exported import Exported
from tests.support.ledger_files import assert_exact, write_messages
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.waiting import eventually

BRISK = {
    "OTEL_AGENT_RESCAN_INTERVAL_SECONDS": "0.05",
    "OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS": "0.1",
}
"""Intervals so short that a change is noticed and delivered at once."""
FIRST, LATER, LAST = 20, 10, 5
"""Messages that are there first, that come after the fault, and that come before the next start."""
OLD = "an-older-copy"
A_WHILE_NS = 300_000_000

Fault = Callable[[Path], None]


def ledger_deleted(state_dir: Path) -> None:
    (state_dir / "ledger.db").unlink()


def all_files_deleted(state_dir: Path) -> None:
    for path in state_dir.iterdir():
        path.unlink()


def folder_removed(state_dir: Path) -> None:
    # The agent may make a file just before the folder itself would go.
    for _ in range(9):
        with suppress(OSError):
            shutil.rmtree(state_dir)
            return
    shutil.rmtree(state_dir)


def folder_renamed(state_dir: Path) -> None:
    state_dir.rename(state_dir.with_name("renamed"))


def write_ahead_log_deleted(state_dir: Path) -> None:
    (state_dir / "ledger.db-wal").unlink()


def index_of_the_log_deleted(state_dir: Path) -> None:
    (state_dir / "ledger.db-shm").unlink()


def replaced_by_an_older_copy(state_dir: Path) -> None:
    shutil.copyfile(state_dir.with_name(OLD), state_dir / "copy")
    (state_dir / "copy").replace(state_dir / "ledger.db")


def rests(path: Path) -> bool:
    """True if nobody wrote into a file for a while."""
    return time.time_ns() - path.stat().st_mtime_ns > A_WHILE_NS


def overwritten_by_an_older_copy(state_dir: Path) -> None:
    shutil.copyfile(state_dir.with_name(OLD), state_dir / "ledger.db")


def overwritten_by_garbage(state_dir: Path) -> None:
    (state_dir / "ledger.db").write_bytes(random.Random(3).randbytes(20_000))


def replaced_by_garbage(state_dir: Path) -> None:
    (state_dir / "garbage").write_bytes(random.Random(3).randbytes(20_000))
    (state_dir / "garbage").replace(state_dir / "ledger.db")


def replaced_by_a_folder(state_dir: Path) -> None:
    (state_dir / "ledger.db").unlink()
    (state_dir / "ledger.db").mkdir()


def replaced_by_a_pipe(state_dir: Path) -> None:
    (state_dir / "ledger.db").unlink()
    os.mkfifo(state_dir / "ledger.db")


def replaced_by_a_link(state_dir: Path) -> None:
    (state_dir / "ledger.db").rename(state_dir / "elsewhere.db")
    (state_dir / "ledger.db").symlink_to("elsewhere.db")


FAULTS: list[Fault] = [
    *(ledger_deleted, all_files_deleted, folder_removed, folder_renamed),
    *(write_ahead_log_deleted, index_of_the_log_deleted),
    *(replaced_by_an_older_copy, overwritten_by_an_older_copy, overwritten_by_garbage, replaced_by_garbage),
    *(replaced_by_a_folder, replaced_by_a_pipe, replaced_by_a_link),
]


def exact(receiver: OtlpReceiver, messages: int) -> Callable[[], bool]:
    return lambda: (
        receiver.total("opencode.message.count") == messages and len(Exported(receiver).span_ids()) == messages
    )


def assert_one_life(receiver: OtlpReceiver) -> None:
    """One instance and one start for each series, and no series ever fell."""
    assert len({point.resource["service.instance.id"] for point in receiver.points()}) == 1
    ours = {key: starts for key, starts in Exported(receiver).starts().items() if key[0].startswith("opencode.")}
    assert {len(starts) for starts in ours.values()} == {1}
    assert Exported(receiver).never_fell()


@pytest.mark.parametrize("fault", FAULTS)
def test_totals_go_on_when_a_running_agent_loses(agent: Agent, receiver: OtlpReceiver, fault: Fault) -> None:
    write_messages(agent, FIRST // 2)
    agent.once()
    shutil.copyfile(agent.state_dir / "ledger.db", agent.home / OLD)
    write_messages(agent, FIRST // 2, FIRST // 2)
    with agent.process("run", **BRISK) as run:
        eventually(exact(receiver, FIRST), True, why_not=lambda: run.log)
        # What somebody writes into the file at the very moment of our own write is noticed later.
        eventually(partial(rests, agent.state_dir / "ledger.db"), True, why_not=lambda: run.log)
        fault(agent.state_dir)
        run.wait_for_log(str(agent.state_dir / "ledger.db"))
        write_messages(agent, LATER, FIRST)
        eventually(exact(receiver, FIRST + LATER), True, why_not=lambda: run.log)
        assert run.stop().returncode == 0
    assert "Traceback" not in run.log
    write_messages(agent, LAST, FIRST + LATER)
    agent.once()
    assert_exact(receiver, FIRST + LATER + LAST)
    assert_one_life(receiver)


def test_a_second_agent_does_not_start_beside_one_whose_folder_was_removed(
    agent: Agent, receiver: OtlpReceiver
) -> None:
    """The first one is stopped by a signal, so it cannot notice before the second one starts."""
    write_messages(agent, FIRST)
    with agent.process("run", **BRISK) as run:
        eventually(exact(receiver, FIRST), True)
        run.send(signal.SIGSTOP)
        shutil.rmtree(agent.state_dir)
        second = agent.attempt()
        assert second.returncode == 4
        assert f"is written by another otel-agent (process {run.pid}" in second.stderr
        status = agent.command("status", "--json")
        assert f'"pid":{run.pid}' in status.stdout
        run.send(signal.SIGCONT)
        run.wait_for_log("It was written back")
        assert run.stop().returncode == 0
    agent.once()
    assert_exact(receiver, FIRST)
    assert_one_life(receiver)


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_a_ledger_that_is_deleted_between_two_runs_counts_nothing_twice(
    agent: Agent, receiver: OtlpReceiver, kill: bool
) -> None:
    write_messages(agent, FIRST)
    with agent.process("run", **BRISK) as run:
        eventually(exact(receiver, FIRST), True)
        run.stop(signal.SIGKILL if kill else signal.SIGTERM)
    for path in agent.state_dir.glob("ledger.db*"):
        path.unlink()
    write_messages(agent, LATER, FIRST)
    agent.once()
    assert_exact(receiver, FIRST + LATER)
    assert_one_life(receiver)


def test_a_ledger_that_is_an_older_copy_continues_from_what_was_sent(agent: Agent, receiver: OtlpReceiver) -> None:
    write_messages(agent, FIRST)
    agent.once()
    shutil.copyfile(agent.state_dir / "ledger.db", agent.home / OLD)
    write_messages(agent, LATER, FIRST)
    agent.once()
    shutil.copyfile(agent.home / OLD, agent.state_dir / "ledger.db")
    write_messages(agent, LAST, FIRST + LATER)
    run = agent.once()
    assert "the ledger knows less than was sent" in run.stderr
    agent.once()
    assert_exact(receiver, FIRST + LATER + LAST)
    assert_one_life(receiver)


def test_a_young_ledger_that_loses_its_write_ahead_log_counts_nothing_twice(
    agent: Agent, receiver: OtlpReceiver
) -> None:
    write_messages(agent, FIRST)
    with agent.process("run", **BRISK) as run:
        eventually(exact(receiver, FIRST), True)
        run.stop(signal.SIGKILL)
    (agent.state_dir / "ledger.db-wal").unlink()
    agent.once()
    assert not list(agent.state_dir.glob("*damaged*"))
    assert_exact(receiver, FIRST)
    assert_one_life(receiver)


def test_what_opencode_deleted_before_the_ledger_was_lost_does_not_let_a_total_fall(
    agent: Agent, receiver: OtlpReceiver
) -> None:
    write_messages(agent, FIRST)
    agent.once()
    for path in (*agent.state_dir.glob("ledger.db*"), *agent.data_dir.glob("opencode.db*")):
        path.unlink()
    write_messages(agent, LATER)
    run = agent.once()
    assert "keep the value that the backend has" in run.stderr
    agent.once()
    assert receiver.total("opencode.message.count") == FIRST
    assert_one_life(receiver)
