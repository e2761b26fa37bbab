"""The live demo: our own reader counts what the store writer wrote, and the whole demo runs in a terminal."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from docs.draw import moment
from otel_agent.demo.live_demo import compare
from otel_agent.demo.play import play
from otel_agent.demo.receiver import Receiver
from otel_agent.demo.screen import screen_of
from otel_agent.demo.store_writer import StoreWriter, Written
from otel_agent.errors import DeliveryError
from otel_agent.settings import Settings
from tests.support.agent import Agent
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.shell import Shell

DRAWN = Path(__file__).parent / "drawn"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


class Clock:
    """A clock that goes on by 0.05 s each time it is asked."""

    def __init__(self) -> None:
        self.now = time.time() - 600

    def __call__(self) -> float:
        self.now += 0.05
        return self.now


class Turns(threading.Event):
    """An event that is set after so many turns; a wait for it takes no time."""

    def __init__(self, writer: StoreWriter, turns: int) -> None:
        super().__init__()
        self._writer, self._turns = writer, turns

    def wait(self, timeout: float | None = None) -> bool:
        if self._writer.written.turns >= self._turns:
            self.set()
        return self.is_set()


def test_the_agent_counts_what_the_store_writer_wrote(agent: Agent, receiver: OtlpReceiver) -> None:
    """Turns with tools, sub-agents, errors and a compaction each become one whole trace."""
    writer = StoreWriter(agent.data_dir, now=Clock())
    writer.run(Turns(writer, 20))
    agent.once()
    written = writer.written
    assert written.turns == 20
    assert written.messages > 40
    assert receiver.total("opencode.message.count") == written.messages == len(receiver.chats())
    assert receiver.total("opencode.token.usage") == written.tokens
    assert receiver.total("opencode.tool.call.count") == written.tool_calls
    assert set(receiver.by("opencode.message.count", "opencode.message.outcome")) == {"ok", "error", "aborted"}
    assert "opencode.project.name" in receiver.points()[0].attributes
    spans = receiver.spans()
    roots = [span for span in spans if span.name.startswith("invoke_agent") and not span.parent_span_id]
    assert len(roots) == len({span.trace_id for span in spans}) == written.turns
    assert {span.parent_span_id for span in spans} - {span.span_id for span in spans} == {""}
    assert any("opencode.message.compaction" in span.attributes for span in spans)


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (120, 40)])
def test_the_screen_fits_into_the_terminal(columns: int, lines: int) -> None:
    console = Console(width=columns, height=lines, record=True, color_system=None, force_terminal=False)
    with console.capture() as shown:
        console.print(screen_of(moment(), height=lines))
    expected = (DRAWN / f"live-{columns}.txt").read_text(encoding="utf-8").splitlines()
    assert [line.rstrip() for line in shown.get().splitlines()] == expected
    assert len(expected) <= lines
    assert max(map(len, expected)) <= columns


class Terminal:
    """The command in a terminal of 100 by 30; its screen is read as it comes."""

    def __init__(self, shell: Shell, *arguments: str) -> None:
        shell.scratch.mkdir(exist_ok=True)
        self._screen, theirs = pty.openpty()
        environment = shell.environment() | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
        self.process = subprocess.Popen(
            shell.command(*arguments),
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def read_until(self, pattern: str | None, seconds: float = 60) -> None:
        """Read until the screen shows `pattern`, or to the end if there is none."""
        until = time.monotonic() + seconds
        while pattern is None or not re.search(pattern, self.shown):
            assert time.monotonic() < until, f"{pattern} was not shown:\n{self.shown[-2000:]}"
            if not select.select([self._screen], [], [], 0.2)[0]:
                continue
            try:
                more = os.read(self._screen, 65536)
            except OSError:  # Linux, if the other side is closed
                more = b""
            if not more:
                assert pattern is None, f"{pattern} was not shown:\n{self.shown[-2000:]}"
                return
            self.shown += more.decode("utf-8", "replace")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._screen)

    def end(self) -> int:
        self.read_until(None)
        return self.process.wait(20)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def test_the_live_demo_ends_with_equal_numbers_written_and_arrived(shell: Shell) -> None:
    terminal = Terminal(shell, "demo", "--seconds", "4")
    try:
        terminal.read_until("The store is made up")
        terminal.read_until("invoke_agent")
        assert terminal.end() == 0
    finally:
        terminal.close()
    numbers = re.search(
        r"messages: ([\d,]+) written, ([\d,]+) counted, ([\d,]+) spans.*tokens: ([\d,]+) written, ([\d,]+) counted",
        plain(terminal.shown),
        re.DOTALL,
    )
    assert numbers is not None, plain(terminal.shown)[-2000:]
    assert numbers[1] == numbers[2] == numbers[3] != "0"
    assert numbers[4] == numbers[5] != "0"
    assert list(shell.scratch.iterdir()) == []
    assert not shell.state_dir.exists()


def test_ctrl_c_ends_the_live_demo_with_exit_code_0(shell: Shell) -> None:
    terminal = Terminal(shell, "demo", "--seconds", "300")
    try:
        terminal.read_until("invoke_agent")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 0
    finally:
        terminal.close()
    assert "What arrived is what was written" in plain(terminal.shown)
    assert list(shell.scratch.iterdir()) == []


@pytest.mark.parametrize("after", [0, 3])
def test_a_store_that_cannot_be_written_fails_the_live_demo(
    after: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The messages from before the disk was full arrived, which does not make it a success."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    put = StoreWriter._put

    def full(self: StoreWriter, *arguments: Any) -> None:
        if self.written.messages >= after:
            raise sqlite3.OperationalError("database or disk is full")
        put(self, *arguments)

    monkeypatch.setattr(StoreWriter, "_put", full)
    with pytest.raises(sqlite3.OperationalError, match="disk is full"):
        play(Settings(), Console(file=io.StringIO()), live_seconds=60)


def test_messages_that_did_not_arrive_are_an_error() -> None:
    with Receiver() as receiver, pytest.raises(DeliveryError, match="messages: 7 written, 0 counted, 0 spans"):
        compare(Written(messages=7, tokens=70), receiver)


def test_still_prints_the_sample_on_a_terminal_too(shell: Shell) -> None:
    terminal = Terminal(shell, "demo", "--still")
    try:
        assert terminal.end() == 0
    finally:
        terminal.close()
    assert "showing a sample store" in plain(terminal.shown)
