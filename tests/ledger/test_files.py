"""The ledger's files: the one process that may write them, those that may read them, and disks without room."""

from __future__ import annotations

import itertools
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.errors import LedgerError, LedgerHeld
from otel_agent.ledger import schema
from otel_agent.ledger.hold import Hold
from otel_agent.ledger.queries import open_to_read
from tests.support.agent import Agent
from tests.support.ledger_files import (
    WINDOWS,
    assert_exact,
    contents,
    leave_a_journal,
    leave_a_wal,
    write_messages,
)
from tests.support.otlp_receiver import OtlpReceiver

CANNOT_WRITE = 4
"""Exit code of every `LedgerError`."""


def test_a_second_agent_names_the_process_that_writes_the_ledger(agent: Agent, receiver: OtlpReceiver) -> None:
    write_messages(agent, 1)
    with agent.process("run") as first:
        receiver.wait_for(lambda r: r.chats(), 30)
        second = agent.attempt()
        assert second.returncode == CANNOT_WRITE
        assert f"process {first.pid}, since " in second.stderr
        assert "OTEL_AGENT_STATE_DIR" in second.stderr
        assert first.stop().returncode == 0
    agent.once()


def test_a_hold_waits_for_a_ledger_that_is_soon_released(tmp_path: Path) -> None:
    """A live screen takes the ledger for moments; an agent that starts just then is not refused."""
    holding = "import sys; from filelock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire(); print(flush=True); input()"
    command = [sys.executable, "-c", holding, str(tmp_path / "ledger.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(LedgerHeld):
            Hold(tmp_path)
        timer = threading.Timer(0.2, other.communicate, ["\n"])
        timer.start()
        Hold(tmp_path, patience_seconds=30).release()
        timer.join()


def test_the_hold_of_a_killed_agent_is_free(agent: Agent, receiver: OtlpReceiver) -> None:
    write_messages(agent, 1)
    with agent.process("run") as first:
        receiver.wait_for(lambda r: r.chats(), 30)
        first.stop(signal.SIGKILL)
    agent.once()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1, "since": null, "more": 2}'])
def test_a_useless_holder_file_does_not_weaken_the_lock(tmp_path: Path, content: str) -> None:
    hold = Hold(tmp_path)
    (tmp_path / "holder.json").write_text(content)
    try:
        with pytest.raises(LedgerHeld, match="is written by another otel-agent"):
            Hold(tmp_path)
    finally:
        hold.release()


@pytest.mark.parametrize("unclean", [False, True])
def test_a_ledger_of_a_newer_version_stays_as_it_is(agent: Agent, unclean: bool) -> None:
    """Not a byte changes, even if its writer was killed and left a WAL."""
    write_messages(agent, 1)
    agent.once()
    path, newer = agent.state_dir / "ledger.db", f"PRAGMA user_version = {schema.VERSION + 1}"
    if unclean:
        leave_a_wal(path, newer)
    else:
        with closing(sqlite3.connect(path)) as database:
            database.execute(newer)
    before = contents(agent.state_dir)
    assert (len(before) == 2) is unclean
    files = {path.name for path in agent.state_dir.glob("ledger.db*")}
    for command in (("run", "--once"), ("run",), ("summary",)):
        run = agent.command(*command)
        assert run.returncode == CANNOT_WRITE
        assert "newer otel-agent" in run.stderr
        assert "Upgrade" in run.stderr
        assert contents(agent.state_dir) == before
        # A reader needs the index of a WAL, and only of that.
        assert {path.name for path in agent.state_dir.glob("ledger.db*")} - files <= (
            {"ledger.db-shm"} if unclean else set()
        )


def test_a_write_left_halfway_is_undone_by_the_next_writer(agent: Agent, receiver: OtlpReceiver) -> None:
    """A reader reports it and touches nothing; everything counted before is still there."""
    write_messages(agent, 600)
    agent.once()
    leave_a_journal(agent.state_dir / "ledger.db")
    before = contents(agent.state_dir)
    with pytest.raises(LedgerError, match="`otel-agent run` undoes it"), open_to_read(agent.state_dir):
        pass
    assert contents(agent.state_dir) == before
    write_messages(agent, 1, 600)
    agent.once()
    assert not list(agent.state_dir.glob("*damaged*"))
    assert_exact(receiver, 601)


@pytest.mark.skipif(WINDOWS, reason="modes are POSIX")
def test_every_file_of_the_agent_is_for_its_owner_only(agent: Agent, receiver: OtlpReceiver) -> None:
    """However permissive the umask."""
    write_messages(agent, 1)
    with agent.process("run", prelude="import os; os.umask(0)", OTEL_AGENT_METRICS_EXPORTER="file") as run:
        receiver.wait_for(lambda r: r.chats(), 30)
        files = [path for path in agent.state_dir.rglob("*") if path.is_file()]
        # Its journal is there for the moment of a write, and may be gone again by now.
        files = [path for path in files if path.name != "sent.db-journal"]
        assert {path.name for path in files} == {
            *("ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.lock", "holder.json"),
            *("sent.db", "metrics.jsonl"),
        }
        folders = [agent.state_dir, agent.state_dir / "export"]
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
        run.stop()


@pytest.mark.skipif(WINDOWS, reason="modes are POSIX")
def test_a_state_folder_that_may_not_be_written_is_named(public: Agent) -> None:
    public.data_dir.mkdir(parents=True)
    public.state_dir.mkdir(exist_ok=True)
    public.state_dir.chmod(0o555)
    run = public.attempt()
    assert run.returncode == CANNOT_WRITE
    assert f"cannot write to {public.state_dir}" in run.stderr
    assert "OTEL_AGENT_STATE_DIR" in run.stderr
    public.state_dir.chmod(0o777)
    public.once()


def test_a_file_in_place_of_the_state_folder_is_left_alone(agent: Agent) -> None:
    agent.state_dir.write_text("mine")
    run = agent.attempt()
    assert run.returncode == CANNOT_WRITE
    assert "Traceback" not in run.stderr
    assert agent.state_dir.read_text() == "mine"


def failures_without_room(agent: Agent, first: int, step: int) -> Iterator[None]:
    """Run with a limit on each file's size, which rises until a run succeeds. Yield after each failure."""
    for limit in itertools.count(first, step):
        prelude = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
        with agent.process("run", "--once", prelude=prelude) as process:
            run = process.wait()
        if run.returncode == 0:
            return
        assert run.returncode == CANNOT_WRITE
        assert "Traceback" not in run.stderr
        assert re.search("otel-agent: cannot (write to|use the ledger).*(File too large|disk I/O error)", run.stderr)
        yield


@pytest.mark.skipif(WINDOWS, reason="resource limits are POSIX")
def test_running_out_of_room_at_any_point_loses_nothing(agent: Agent, receiver: OtlpReceiver) -> None:
    """A first look fails to open the ledger, to count, or to make the indexes. A later look also fails to strike off what
    the backend accepted: a first look has more to write before it sends. None of these failures loses anything.
    """
    write_messages(agent, 600)
    assert list(failures_without_room(agent, 0, 40_000))
    assert_exact(receiver, 600)
    write_messages(agent, 2_000, 600)
    sent_before = len(receiver.chats())
    sent = [len(receiver.chats()) for _ in failures_without_room(agent, 540_000, 60_000)]
    assert sent[-1] > sent_before
    assert_exact(receiver, 2_600)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    mounting = subprocess.run(command, check=False, capture_output=True)
    if mounting.returncode != 0:
        pytest.skip(f"cannot mount a small file system: {mounting.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_loses_nothing(agent: Agent, receiver: OtlpReceiver, small_disk: Path) -> None:
    write_messages(agent, 600)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(800 << 10))
    run = agent.attempt(OTEL_AGENT_STATE_DIR=str(small_disk / "state"))
    assert run.returncode == CANNOT_WRITE
    assert "database or disk is full" in run.stderr
    assert "Traceback" not in run.stderr
    ballast.unlink()
    agent.once(OTEL_AGENT_STATE_DIR=str(small_disk / "state"))
    assert_exact(receiver, 600)
