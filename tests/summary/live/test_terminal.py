"""The live screen in a real terminal: keys are typed into tmux, which then shows the screen."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.made_stores import Tokens, message, session
from tests.support.made_stores.json_tree import JsonTree
from tests.support.real_programs import absent
from tests.support.shell import Shell

pytestmark = pytest.mark.terminal
DEADLINE_S = 30.0


class Terminal:
    """A terminal of its own, with the command running in it."""

    def __init__(self, shell: Shell, *arguments: str, columns: int = 100, lines: int = 60) -> None:
        self._socket = shell.home / "tmux"
        command = shlex.join([*shell.command(*arguments)])
        environ = shell.environment() | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        size = ["-x", str(columns), "-y", str(lines)]
        self._tmux("-f", os.devnull, "new-session", "-d", *size, f"{command}; echo ended $?; read _", environ=environ)

    def _tmux(self, *arguments: str, environ: dict[str, str] | None = None) -> str:
        ran = subprocess.run(
            ["tmux", "-S", str(self._socket), *arguments],
            env=environ,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        return ran.stdout

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def resize(self, columns: int, lines: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(lines))

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def shows(self, pattern: str) -> str:
        """Wait until the screen matches the pattern, and return it; fail with the screen if it never does."""
        until, pause = time.monotonic() + DEADLINE_S, threading.Event()
        while not re.search(pattern, screen := self.screen):
            assert time.monotonic() < until, f"{pattern!r} is not on the screen:\n{screen}"
            pause.wait(0.05)
        return screen

    def hides(self, text: str) -> None:
        """Wait until the text is not on the screen any more."""
        self.shows(rf"\A(?:(?!{text})[\s\S])*\Z")

    def close(self) -> None:
        self._tmux("kill-server")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def terminal(shell: Shell) -> Iterator[Terminal]:
    """A terminal with the live screen, on a machine with two sessions of today, one of them by a sub-agent."""
    if shutil.which("tmux") is None:
        absent("tmux is not here: run `make tmux`")
    now = round(time.time() * 1000)
    parent = session(created=now - 60_000, counter=1, title="The first 日本語")
    child = session(created=now - 50_000, counter=2, title="The [second]", parent=parent.id)
    tree = JsonTree(shell.data_dir)
    tree.put_turn(
        message(parent, Tokens(input=40_000), at=now - 40_000, counter=1, completed=now - 39_000),
        message(child, Tokens(output=2_000), at=now - 30_000, counter=2, completed=now - 29_000, agent="general"),
    )
    terminal = Terminal(shell, "summary", "--live")
    yield terminal
    terminal.close()


def test_keys_change_views_and_ranges_filter_and_open_a_row(terminal: Terminal) -> None:
    terminal.shows(r"42,000")
    assert "q Quit" in terminal.shows(r"The first 日本語")
    terminal.press("2")
    terminal.shows(r"Sessions +all time")
    terminal.shows(r"↳ The \[second\]")
    terminal.press("t")
    terminal.shows(r"Sessions +today")
    terminal.press("/")
    terminal.shows(r"Show only rows with")
    terminal.press("second", "Enter")
    terminal.shows(r"1 of 2 rows")
    terminal.press("Enter")
    terminal.shows(r"Models / The \[second\]")
    terminal.press("Escape")
    terminal.shows(r"Sessions +today")
    terminal.press("?")
    terminal.shows(r"open the row")
    terminal.press("Escape")
    terminal.hides("open the row")
    terminal.press("Tab")
    terminal.shows(r"Projects +today")
    terminal.press("BTab", "BTab")
    terminal.shows(r"Overview +today")


def test_a_message_that_opencode_writes_meanwhile_appears(terminal: Terminal, shell: Shell) -> None:
    terminal.press("5")
    terminal.shows(r"Agents +all time")
    now = round(time.time() * 1000)
    of = session(created=now, counter=3, title="later")
    JsonTree(shell.data_dir).put_turn(
        message(of, Tokens(input=7), at=now, counter=3, completed=now + 1, agent="latecomer")
    )
    terminal.shows(r"latecomer +1 +7\b")


def test_the_screen_survives_any_size_of_the_terminal(terminal: Terminal) -> None:
    terminal.press("4")
    for columns, lines in [(40, 10), (200, 50), (20, 5), (100, 30)]:
        terminal.resize(columns, lines)
        terminal.shows(r"Model|Overv" if columns == 20 else r"42,000|42\.0K")


@pytest.mark.parametrize("key", ["q", "C-c"])
def test_the_screen_leaves_the_terminal_as_it_was(key: str, terminal: Terminal) -> None:
    terminal.shows(r"42,000")
    terminal.press(key)
    screen = terminal.shows(r"ended 0")
    assert "Overview" not in screen


def test_without_a_terminal_the_live_screen_is_refused(shell: Shell) -> None:
    run = shell.run("summary", "--live")
    assert run.returncode == 2
    assert run.stdout == ""
    assert "--live needs a terminal. Leave it out to print the view once." in run.stderr


@pytest.mark.parametrize("kind", ["dumb", "unknown", ""])
def test_on_a_terminal_that_cannot_move_its_cursor_the_live_screen_is_refused(kind: str, shell: Shell) -> None:
    ours, theirs = os.openpty()
    started = subprocess.Popen(
        shell.command("summary", "--live"),
        env=shell.environment() | {"TERM": kind},
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, errors = started.communicate(timeout=60)
    os.set_blocking(ours, False)
    # Nothing was printed on the terminal, so there is nothing to read.
    with pytest.raises(BlockingIOError):
        os.read(ours, 1)
    for end in (ours, theirs):
        os.close(end)
    assert started.returncode == 2
    assert f"TERM={kind} says that this one cannot" in errors
    assert "Leave --live out to print the view once." in errors
