"""The command of a notice is a process of its own: it gets the notice, and whatever it does holds up nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from otel_agent.agent.notice_command import NoticeCommand
from tests.support.waiting import eventually


def after(command: NoticeCommand, *notices: bytes) -> dict[str, int]:
    """Give the notices, wait for the command, and return how it ended."""
    for notice in notices:
        command.give(notice)
    command.close(60)
    return command.outcomes()


def test_it_gets_the_notice_and_its_words_as_they_are(tmp_path: Path) -> None:
    got = tmp_path / "got"
    command = NoticeCommand(["sh", "-c", 'printf "%s|" "$1" > "$0"; cat >> "$0"', str(got), "$(id); *"], 60)
    assert after(command, b'{"text": "x"}') == {"ok": 1, "failed": 0, "timeout": 0}
    assert got.read_bytes() == b'$(id); *|{"text": "x"}'


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["/nowhere/program"], "program, failed: No such file or directory"),
        (["sh", "-c", "exit 3"], "sh, failed: exit code 3"),
        (["sh", "-c", "kill -9 $$"], "sh, failed: ended by signal 9"),
    ],
)
def test_a_failure_is_said_once_and_each_is_counted(
    words: list[str], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    command = NoticeCommand(words, 60)
    assert after(command, b"{}") == {"ok": 0, "failed": 1, "timeout": 0}
    assert after(command, b"{}") == {"ok": 0, "failed": 2, "timeout": 0}
    (line,) = caplog.messages
    assert why in line


def test_one_that_reads_nothing_has_not_failed() -> None:
    assert after(NoticeCommand(["true"], 60), b"x" * 1_000_000)["ok"] == 1


def test_one_that_hangs_is_killed_with_what_it_started(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    started = tmp_path / "started"
    command = NoticeCommand(["sh", "-c", f"sleep 1000 & echo $! > '{started}'; wait"], 0.5)
    assert after(command, b"{}") == {"ok": 0, "failed": 0, "timeout": 1}
    assert "it was killed after 0.5 s" in caplog.text
    eventually(lambda: runs(int(started.read_text())), False)


def test_the_end_of_the_agent_ends_one_that_runs(tmp_path: Path) -> None:
    started = tmp_path / "started"
    command = NoticeCommand(["sh", "-c", f"echo $$ > '{started}'; exec sleep 1000"], 1_000)
    command.give(b"{}")
    eventually(lambda: started.exists() and started.read_text() != "", True)
    command.close(0)
    eventually(lambda: runs(int(started.read_text())), False)


def test_without_a_command_notices_are_counted() -> None:
    assert after(NoticeCommand([], 60), b"{}", b"{}") == {"none": 2}


def runs(pid: int) -> bool:
    """Return true if the process exists and has not ended; one that nobody has waited for yet has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        pass
    except ProcessLookupError:
        return False
    if Path("/proc/self").exists():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
