"""What is on a terminal before Textual came: the first picture. It is gone without a trace, however the program ends."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.made_stores import Tokens, message, session
from tests.support.made_stores.json_tree import JsonTree
from tests.support.noon import zone_at_noon
from tests.support.paths import ROOT
from tests.support.shell import Shell

DEADLINE_S = 60.0
ON, OFF = "\x1b[?1049h", "\x1b[?1049l"
STYLE = re.compile(r"\x1b\[[\d;]*m")
WAITS = "import threading\nthreading.Event().wait()\n"
FAILS = "raise RuntimeError('Textual is broken')\n"


class Terminal:
    """A terminal of its own, in which the live screen is opened, and everything that was written to it."""

    def __init__(
        self, shell: Shell, *, textual: str = "", columns: int = 100, lines: int = 30, nohup: bool = False
    ) -> None:
        self._ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = self.attributes
        path = str(ROOT)
        if textual:
            # Python finds this one first.
            (shell.home / "textual.py").write_text(textual)
            path = f"{shell.home}{os.pathsep}{path}"
        shell.scratch.mkdir(exist_ok=True)
        environ = shell.environment() | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": path}
        ignoring = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh"] if nohup else []
        command = ["setsid", "--ctty", *ignoring, *shell.command("summary", "--live")]
        ours = self._theirs
        self.process = subprocess.Popen(command, env=environ, cwd=shell.home, stdin=ours, stdout=ours, stderr=ours)
        self.written = ""

    @property
    def attributes(self) -> list[Any]:
        return termios.tcgetattr(self._theirs)

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def read(self, wanted: Callable[[str], bool]) -> None:
        """Read until what was written is as wanted."""
        until = time.monotonic() + DEADLINE_S
        while not wanted(self.written):
            assert time.monotonic() < until, self.written
            if select.select([self._ours], [], [], 0.05)[0]:
                self.written += os.read(self._ours, 65_536).decode(errors="replace")

    def shows(self, text: str) -> None:
        self.read(lambda written: text in STYLE.sub("", written))

    def ends(self) -> int:
        """Wait until the program ended, and return its exit code."""
        self.read(lambda _: self.process.poll() is not None)
        while select.select([self._ours], [], [], 0.1)[0]:
            self.written += os.read(self._ours, 65_536).decode(errors="replace")
        return self.process.wait()

    def goes_away(self) -> None:
        """Close the window."""
        os.close(self._ours)
        self._ours = -1

    def is_as_before(self) -> bool:
        """True if the screen, the cursor and the keyboard are as they were before the program."""
        last = {name: self.written.rfind(f"\x1b[?{name}") for name in ("1049h", "1049l", "25h", "25l", "7h", "7l")}
        shown = all(last[ends] > last[begins] for begins, ends in (("1049h", "1049l"), ("25l", "25h"), ("7l", "7h")))
        return shown and self.attributes == self.before

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for each in (self._ours, self._theirs):
            if each >= 0:
                os.close(each)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A machine whose ledger has one session of today."""
    shell = Shell(tmp_path, zone_at_noon())
    now = round(time.time() * 1000)
    of = session(created=now - 2_000, counter=1, title="The first")
    written = message(of, Tokens(input=40_000), at=now - 2_000, counter=1, completed=now - 1_000, model="gpt")
    JsonTree(shell.data_dir).put_turn(written)
    shell.output("summary")
    return shell


@pytest.fixture
def opened(shell: Shell) -> Iterator[Callable[..., Terminal]]:
    terminals: list[Terminal] = []

    def open_(**options: Any) -> Terminal:
        terminals.append(Terminal(shell, **options))
        return terminals[-1]

    yield open_
    for terminal in terminals:
        terminal.close()


def test_the_numbers_are_there_before_textual_is(opened: Callable[..., Terminal]) -> None:
    terminal = opened(textual=WAITS)
    terminal.shows("q Quit")
    text = STYLE.sub("", terminal.written)
    lines = dict(re.findall(r"\x1b\[(\d+);1H([^\x1b]*)", text))
    assert sorted(map(int, lines)) == list(range(1, 31))
    assert all(len(line) == 100 for line in lines.values())
    assert lines["1"].split() == [
        "1",
        "Overview",
        "2",
        "Sessions",
        "3",
        "Projects",
        "4",
        "Models",
        "5",
        "Agents",
        "6",
        "Timeline",
        "7",
        "Tools",
    ]
    assert any(re.search(r"^│ Input +40,000 +100\.0%", line) for line in lines.values())
    assert any(re.search(r"gpt +1 +40,000 +100\.0%", line) for line in lines.values())
    assert lines["30"].split() == [
        "t",
        "Today",
        "w",
        "Week",
        "m",
        "Month",
        "a",
        "All",
        "s",
        "Sort",
        "/",
        "Filter",
        "?",
        "Help",
        "q",
        "Quit",
    ]


def test_ctrl_c_before_textual_came_leaves_nothing_behind(opened: Callable[..., Terminal]) -> None:
    terminal = opened(textual=WAITS)
    terminal.shows("q Quit")
    assert not terminal.attributes[3] & termios.ECHO
    terminal.type("\x03")
    assert terminal.ends() == 130
    assert terminal.is_as_before()
    assert terminal.written.partition(OFF)[2] == "\x1b[?25h"


def test_an_error_before_textual_came_is_seen_on_the_screen_below(opened: Callable[..., Terminal]) -> None:
    terminal = opened(textual=FAILS)
    assert terminal.ends() == 1
    assert terminal.is_as_before()
    picture, _, after = terminal.written.partition(OFF)
    assert "40,000" in STYLE.sub("", picture)
    assert "Textual is broken" in after


def test_keys_that_are_typed_meanwhile_are_not_lost(opened: Callable[..., Terminal]) -> None:
    terminal = opened()
    terminal.read(lambda written: ON in written)
    terminal.type("2")
    terminal.shows("Sessions, 1 row")
    terminal.type("q")
    assert terminal.ends() == 0
    assert terminal.is_as_before()


def test_textual_draws_over_the_picture_without_clearing_it(opened: Callable[..., Terminal]) -> None:
    terminal = opened()
    terminal.read(lambda written: STYLE.sub("", written).count("q Quit") == 2)
    assert terminal.written.count(ON) == 1
    assert "\x1b[2J" not in terminal.written
    # Nothing is drawn in between in which the numbers are not.
    _, _, after = terminal.written.partition("\x1b[?1000h")
    first = STYLE.sub("", after).partition("q Quit")[0]
    assert first.count("40,000") == STYLE.sub("", terminal.written.partition("\x1b[?1000h")[0]).count("40,000")
    terminal.type("q")
    assert terminal.ends() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=str)
def test_a_signal_gives_the_terminal_back_while_textual_has_it(
    number: signal.Signals, opened: Callable[..., Terminal]
) -> None:
    terminal = opened()
    terminal.read(lambda written: STYLE.sub("", written).count("q Quit") == 2)
    terminal.process.send_signal(number)
    assert terminal.ends() == 128 + number
    assert terminal.is_as_before()
    assert "\x1b[?1000l" in terminal.written.partition("\x1b[?1000h")[2]


@pytest.mark.parametrize("nohup", [True, False], ids=["hangup_ignored", "hangup_heard"])
@pytest.mark.parametrize("textual", [WAITS, ""], ids=["first_picture", "textual"])
def test_it_ends_with_its_terminal(textual: str, opened: Callable[..., Terminal], *, nohup: bool) -> None:
    """Without SIGHUP it went on, and asked a terminal that was gone for keys."""
    terminal = opened(textual=textual, nohup=nohup)
    pictures = 1 if textual else 2
    terminal.read(lambda written: STYLE.sub("", written).count("q Quit") == pictures)
    terminal.goes_away()
    assert terminal.process.wait(20) == 128 + signal.SIGHUP


def test_a_ledger_that_cannot_be_read_has_no_picture(shell: Shell, opened: Callable[..., Terminal]) -> None:
    (shell.state_dir / "ledger.db").write_bytes(b"no database" * 1_000)
    terminal = opened(textual=FAILS)
    assert terminal.ends() == 1
    assert ON not in terminal.written
    assert terminal.attributes == terminal.before
