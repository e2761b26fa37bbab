"""The lock on the ledger: one process has it, whoever asks does not take it, and a killed process leaves nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from otel_agent.errors import LedgerError, LedgerHeld
from otel_agent.ledger import file_lock
from otel_agent.ledger.file_lock import FileLock, Locked, is_locked
from otel_agent.ledger.hold import Hold, held_by
from tests.support.paths import ROOT

fcntl = pytest.importorskip("fcntl", reason="the system's own lock is POSIX")

WITH_A_CHILD = """
import subprocess, sys
from pathlib import Path
from otel_agent.ledger.hold import Hold
hold = Hold(Path(sys.argv[1]))
child = subprocess.Popen([sys.executable, "-c", "input()"])
print(child.pid, flush=True)
input()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a lock that nobody has."""
    FileLock(tmp_path / "ledger.lock").release()
    return tmp_path / "ledger.lock"


def test_a_process_cannot_have_it_twice(path: Path) -> None:
    lock = FileLock(path)
    assert is_locked(path)
    with pytest.raises(Locked):
        FileLock(path)
    lock.release()
    assert not is_locked(path)


def test_who_asks_makes_no_lock_file_where_the_system_has_no_such_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lock, "fcntl", None)
    with pytest.raises(FileNotFoundError):
        is_locked(tmp_path / "ledger.lock")
    assert list(tmp_path.iterdir()) == []


def test_two_who_ask_at_once_do_not_take_each_other_for_an_agent(path: Path) -> None:
    """`status` of a monitor and a summary, for example. The summary would leave the counting to an agent that is none."""
    asking = os.open(path, os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_SH)
    assert not is_locked(path)
    with pytest.raises(Locked):
        FileLock(path)
    os.close(asking)


def test_who_asks_for_a_moment_does_not_keep_an_agent_from_starting(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking, flock = [os.open(path, os.O_RDONLY)], fcntl.flock
    flock(asking[0], fcntl.LOCK_SH)

    def flock_and_be_done(descriptor: int, how: int) -> None:
        try:
            flock(descriptor, how)
        finally:
            if asking:
                os.close(asking.pop())

    monkeypatch.setattr(fcntl, "flock", flock_and_be_done)
    FileLock(path).release()
    assert asking == []


def test_a_second_release_closes_nothing(path: Path) -> None:
    """The number of its descriptor may be that of the ledger by then."""
    lock = FileLock(path)
    lock.release()
    other = os.open(path, os.O_RDONLY)
    lock.release()
    os.fstat(other)
    os.close(other)


def test_a_lock_on_a_file_that_was_moved_away_meanwhile_is_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock = fcntl.flock

    def flock_too_late(descriptor: int, how: int) -> None:
        if not path.with_name("moved").exists():
            path.rename(path.with_name("moved"))
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock_too_late)
    with pytest.raises(Locked):
        FileLock(path)
    FileLock(path).release()


@pytest.mark.parametrize("how", ["removed", "moved"])
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the second lock is a file too")
def test_a_lock_file_that_is_gone_lets_no_second_agent_in(tmp_path: Path, how: str) -> None:
    hold, path = Hold(tmp_path), tmp_path / "ledger.lock"
    path.unlink() if how == "removed" else path.rename(tmp_path / "elsewhere")
    with pytest.raises(LedgerHeld, match=f"process {os.getpid()}"):
        Hold(tmp_path)
    found = held_by(tmp_path)
    assert found is not None
    assert found.pid == os.getpid()
    hold.release()
    assert held_by(tmp_path) is None


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A lock that is only a file would stay when its process is killed."""

    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(LedgerError, match=r"Its file system has no locks.* Set OTEL_AGENT_STATE_DIR") as raised:
        Hold(tmp_path)
    assert os.strerror(number) in str(raised.value)
    assert held_by(tmp_path) is None


def test_a_child_that_outlives_a_killed_agent_does_not_keep_its_lock(tmp_path: Path) -> None:
    """A person's notice command may run for hours."""
    command = [sys.executable, "-c", WITH_A_CHILD, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        child = int(agent.stdout.readline())
        with pytest.raises(LedgerHeld):
            Hold(tmp_path)
        agent.kill()
        agent.wait()
        os.kill(child, 0)  # it waits for the same input
        Hold(tmp_path).release()
