"""The live screen in a real terminal: keys are typed into tmux, which then shows the screen."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.support.made_stores import Tokens, message, session
from tests.support.made_stores.json_tree import JsonTree
from tests.support.noon import zone_at_noon
from tests.support.real_programs import absent
from tests.support.shell import Shell

pytestmark = pytest.mark.terminal
DEADLINE_S = 30.0


class Terminal:
    """A terminal of its own, with the command running in it."""

    def __init__(
        self,
        shell: Shell,
        *arguments: str,
        columns: int = 100,
        lines: int = 60,
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._socket = shell.home / "tmux"
        command = shlex.join([*shell.command(*arguments)])
        terminal = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        size = ["-x", str(columns), "-y", str(lines)]
        self._tmux(
            "-f",
            os.devnull,
            "new-session",
            "-c",
            str(shell.home),
            "-d",
            *size,
            f"{command}; echo ended $?; read _",
            environ={**shell.environment(), **terminal, **environ},
        )

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

    @property
    def drawn(self) -> str:
        """Return the screen with the sequences that style it."""
        return self._tmux("capture-pane", "-p", "-e")

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
    return Shell(tmp_path, zone_at_noon())


@pytest.fixture
def history(shell: Shell) -> None:
    """Write two sessions of today, one of them by a sub-agent, and a program that opens a session."""
    if shutil.which("tmux") is None:
        absent("tmux is not here: run `make tmux`")
    program = shell.home / "bin" / "opencode"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$*" "$PWD" > "$HOME/opened"\necho "opened $*"\nread _\n')
    program.chmod(0o755)
    now = round(time.time() * 1000)
    parent = session(created=now - 60_000, counter=1, title="The first 日本語")
    child = session(created=now - 50_000, counter=2, title="The [second]", parent=parent.id)
    tree = JsonTree(shell.data_dir)
    tree.put_turn(
        message(parent, Tokens(input=40_000), at=now - 40_000, counter=1, completed=now - 39_000),
        message(child, Tokens(output=2_000), at=now - 30_000, counter=2, completed=now - 29_000, agent="general"),
    )


@pytest.fixture
def terminal(shell: Shell, history: None) -> Iterator[Terminal]:
    """A terminal with the live screen."""
    path = f"{shell.home / 'bin'}{os.pathsep}{shell.environment()['PATH']}"
    terminal = Terminal(shell, "summary", "--live", environ={"PATH": path})
    yield terminal
    terminal.close()


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
def test_every_key_does_what_the_help_says_at_any_usual_size(
    size: tuple[int, int], terminal: Terminal, shell: Shell
) -> None:
    terminal.resize(*size)
    assert "q Quit" in terminal.shows(r"42,000|42\.0K")
    views = ("Overview", "Sessions", "Projects", "Models", "Agents", "Timeline", "Tools")
    for number, view in enumerate(views, 1):
        terminal.press(str(number))
        terminal.shows(rf"\n {view} +\S")
    for key, words in (("t", "today"), ("w", "last 7 days"), ("m", "last 30 days"), ("a", "all time")):
        terminal.press(key)
        terminal.shows(rf"Tools   {words}")
    terminal.press("Tab", "BTab", "BTab")
    terminal.shows(r"\n Timeline by day +all time")
    terminal.press("b")
    terminal.shows(r"\d{4}-W\d\d")
    terminal.press("2")
    terminal.shows(r"↳ The \[second\]")
    terminal.press("s")
    terminal.shows(r"Session ▴")
    terminal.press("G")
    terminal.shows(r"2,000 tokens = 2,000 output")
    terminal.press("g")
    terminal.shows(r"40,000 tokens = 40,000 input")
    terminal.press("j", "k", "Down", "Up", "PageDown", "PageUp", "End", "Home")
    terminal.shows(r"40,000 tokens = 40,000 input")
    terminal.press("/")
    terminal.shows(r"Show only rows with")
    terminal.press("second", "Enter")
    terminal.shows(r"1 of 2 rows")
    terminal.press("Enter")
    terminal.shows(r"Turns, 1[\s\S]*Calls of the turn")
    terminal.press("Escape")
    terminal.shows(r"1 of 2 rows")
    terminal.press("M")
    terminal.shows(r"Models / The \[second\]")
    # Escape and a letter at once would be Alt and that letter.
    terminal.press("Escape")
    terminal.shows(r"Sessions +all time[\s\S]*1 of 2 rows")
    terminal.press("d")
    terminal.shows(r"Timeline by week / The \[second\]")
    terminal.press("Escape")
    terminal.shows(r"Sessions +all time[\s\S]*1 of 2 rows")
    terminal.press("Escape")
    terminal.shows(r"\n 2 rows")
    terminal.press("y")
    terminal.shows(r"Copied\b")
    terminal.press("e")
    terminal.shows(r"otel-agent-sessions-\d{4}-\d\d-\d\d\.csv")
    terminal.press("C-u")
    terminal.shows(r"Write what is shown to")
    terminal.press("sessions.json", "Enter")
    terminal.shows(r"Wrote\b")
    written = json.loads((shell.home / "sessions.json").read_bytes())
    assert [row["title"] for row in written["rows"]] == ["The first 日本語", "The [second]"]
    terminal.press("o")
    terminal.shows(r"opened -s ses_")
    # The session's own folder is not here.
    opened = (shell.home / "opened").read_text().splitlines()
    # The cursor stayed on the row that the filter had left.
    assert opened == [f"-s {written['rows'][1]['key']}", str(shell.home)]
    terminal.press("Enter")
    terminal.shows(r"Sessions +all time")
    terminal.press("!")
    terminal.shows(r"─ Notes ─")
    terminal.press("q")
    terminal.hides("─ Notes ─")
    terminal.press("?")
    terminal.shows(r"all warnings and notes|next view")
    terminal.press("Escape")
    terminal.hides("next view")
    terminal.press("1", "J", "K", "r")
    terminal.shows(r"Overview +all time")
    terminal.press("C-p")
    terminal.shows(r"Theme")
    terminal.press("Escape")
    terminal.hides("Theme")
    terminal.press("q")
    terminal.shows(r"ended 0")


def test_without_colours_nothing_is_painted(shell: Shell, history: None) -> None:
    terminal = Terminal(shell, "summary", "--live", environ={"NO_COLOR": "1"}, columns=80, lines=24)
    try:
        terminal.shows(r"42,000|42\.0K")
        terminal.press("2")
        terminal.shows(r"↳ The")
        sequences = re.findall(r"\x1b\[([\d;]*)m", terminal.drawn)
        numbers = {int(number or 0) for sequence in sequences for number in sequence.split(";")}
        # Bold, dim, underlined, reversed, back to normal, and the terminal's own colours (39 and 49).
        assert numbers <= {0, 1, 2, 4, 7, 39, 49}
        assert 7 in numbers, "the row under the cursor is seen"
    finally:
        terminal.close()


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
