"""The first picture on a terminal that goes away, or takes nothing: it is given back as far as there is one."""

from __future__ import annotations

import errno
import io
import os
import pty
import re
import select
import signal
import termios
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console
from rich.segment import Segment

from otel_agent.summary.live import early
from otel_agent.summary.live.early import Early

LINES = [[Segment("first")], [Segment("second")]]
CONSOLE = Console(file=io.StringIO(), color_system=None)
END = b"\x03end"
"""What the test itself writes: a terminal hands on in pieces what is written to it."""
WRITE = os.write
TAKEN, GIVEN_BACK = "\x1b[?1049h", "\x1b[?1049l"


class Terminal:
    """A terminal of the test's own in place of the one that the program was started on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ours, self._theirs = pty.openpty()
        self.keyboard, self.screen = os.fdopen(os.dup(self._theirs), "r"), os.fdopen(os.dup(self._theirs), "w")
        monkeypatch.setattr("sys.__stdin__", self.keyboard)
        monkeypatch.setattr("sys.__stderr__", self.screen)
        self.before = self.attributes

    @property
    def attributes(self) -> list[Any]:
        return termios.tcgetattr(self._theirs)

    def read(self) -> str:
        """Return what was written to it since."""
        WRITE(self._theirs, END)
        found = b""
        while not found.endswith(END):
            assert select.select([self._ours], [], [], 30.0)[0]
            found += os.read(self._ours, 65_536)
        return found.removesuffix(END).decode()

    def goes_away(self) -> None:
        """Let every use of it fail with EIO, as after its window was closed."""
        os.close(self._ours)
        self._ours = -1

    def close(self) -> None:
        for stream in (self.keyboard, self.screen):
            stream.close()
        for file in {self._ours, self._theirs} - {-1}:
            os.close(file)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    terminal = Terminal(monkeypatch)
    yield terminal
    terminal.close()
    assert {number: signal.getsignal(number) for number in before} == before


def test_a_picture_is_shown_and_the_terminal_is_as_before_at_the_end(terminal: Terminal) -> None:
    with Early() as first:
        first.show(LINES, CONSOLE)
        assert first.is_shown
        assert re.findall(r"\x1b\[(\d);1H([a-z]+)", terminal.read()) == [("1", "first"), ("2", "second")]
        assert terminal.attributes != terminal.before
    assert GIVEN_BACK in terminal.read()
    assert terminal.attributes == terminal.before


def test_nothing_is_shown_on_a_terminal_that_is_gone(terminal: Terminal) -> None:
    terminal.goes_away()
    with Early() as first:
        first.show(LINES, CONSOLE)
        assert not first.is_shown


def test_a_terminal_that_goes_away_while_it_is_taken_is_no_error(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state of the keyboard could still be read."""
    real = termios.tcgetattr

    def read_at_last(file: int) -> list[Any]:
        found = real(file)
        terminal.goes_away()
        return found

    monkeypatch.setattr(termios, "tcgetattr", read_at_last)
    monkeypatch.setattr(early, "_quiet", lambda attributes, _: attributes)
    with Early() as first:
        first.show(LINES, CONSOLE)
        assert not first.is_shown


@pytest.mark.parametrize("number", [errno.EIO, errno.EPIPE, errno.EAGAIN], ids=errno.errorcode.get)
@pytest.mark.parametrize("written", [0, 9], ids=["nothing", "a part"])
def test_a_picture_that_cannot_be_written_gives_the_terminal_back(
    number: int, written: int, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Textual then has the terminal as it was, or says what is wrong with it."""
    real, calls = os.write, list[int]()

    def fails(file: int, data: bytes) -> int:
        calls.append(len(data))
        if written and len(calls) == 1:
            return real(file, data[:written])
        if len(calls) <= 1 + bool(written):
            raise OSError(number, os.strerror(number))
        return real(file, data)

    monkeypatch.setattr(os, "write", fails)
    with Early() as first:
        first.show(LINES, CONSOLE)
        assert not first.is_shown
        assert terminal.attributes == terminal.before
        said = terminal.read()
        assert said.endswith("\x1b[?1049l\x1b[?25h")
        assert (TAKEN in said) == bool(written)
    assert terminal.read() == "", "it is given back once"


def test_a_terminal_that_goes_away_under_the_picture_is_no_error(terminal: Terminal) -> None:
    with Early() as first:
        first.show(LINES, CONSOLE)
        assert first.is_shown
        terminal.goes_away()


def test_a_keyboard_that_was_closed_has_no_picture(terminal: Terminal) -> None:
    terminal.keyboard.close()
    with Early() as first:
        first.show(LINES, CONSOLE)
        assert not first.is_shown
    assert terminal.read() == ""


def test_a_signal_that_the_program_ignores_stays_ignored(terminal: Terminal) -> None:
    """`nohup` does that, so that the program goes on without its terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Early() as first:
            first.show(LINES, CONSOLE)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) == first._end
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
