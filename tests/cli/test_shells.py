"""Completions in zsh and fish as a person has them: installed by the command, and asked for with a Tab."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.made_stores import T0, JsonTree, Tokens, message, session
from tests.support.real_programs import absent
from tests.support.shell import Shell
from tests.support.waiting import DEADLINE_S

SHOW = "\x18"
ZSHRC = """
PROMPT='ready> '
show() { print -r -- "<<$BUFFER>>" }
zle -N show
bindkey '^I' complete-word '^X' show
"""
"""Control-X prints what the line has become, so that nobody has to read it from the escape sequences of a screen."""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A home whose ledger knows two models and a session, with `otel-agent` in the path."""
    shell = Shell(tmp_path)
    tree = JsonTree(shell.data_dir)
    of = session(title="Rename it")
    for number, model in enumerate(("claude-a", "gpt 5")):
        tree.put_turn(message(of, Tokens(1), T0 + number * 1_000, number, provider="p", model=model))
    shell.output("summary")
    program = tmp_path / "bin" / "otel-agent"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(shell.command())} "$@"\n')
    program.chmod(0o755)
    return shell


def environment(shell: Shell) -> dict[str, str]:
    environ = shell.environment()
    return environ | {"PATH": f"{shell.home / 'bin'}:{environ['PATH']}", "TERM": "xterm", "SHELL": "/bin/sh"}


def installed_in(name: str, shell: Shell) -> None:
    """Let the command install its completions, called from that shell."""
    if shutil.which(name) is None:
        absent(f"{name} is not here: run `make {name}`")
    # With a second command, because a shell becomes its last one, and the command asks which shell called it.
    assert f"{name} completion installed in {shell.home}" in in_shell(name, "otel-agent --install-completion; :", shell)


def in_shell(name: str, line: str, shell: Shell) -> str:
    ran = subprocess.run(
        [name, "-c", line], env=environment(shell), cwd=shell.home, capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    return ran.stdout


class Zsh:
    """A zsh at a terminal."""

    def __init__(self, shell: Shell) -> None:
        with (shell.home / ".zshrc").open("a") as file:
            file.write(ZSHRC)
        self._terminal, theirs = pty.openpty()
        self._process = subprocess.Popen(
            ["zsh", "-i"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=shell.home,
            env=environment(shell),
            start_new_session=True,
        )
        os.close(theirs)
        self._printed = ""

    def wait_for(self, text: str) -> str:
        """Read until the text comes; return everything before it and since the last call."""
        end = time.monotonic() + DEADLINE_S
        while text not in self._printed:
            assert time.monotonic() < end, self._printed
            if select.select([self._terminal], [], [], 1.0)[0]:
                self._printed += os.read(self._terminal, 65_536).decode(errors="replace")
        before, _, self._printed = self._printed.partition(text)
        return before

    def completed(self, line: str) -> str:
        """Type the line, a Tab, and return what the line has become; empty it then."""
        os.write(self._terminal, f"{line}\t{SHOW}".encode())
        self.wait_for("<<")
        found = self.wait_for(">>")
        os.write(self._terminal, b"\x15")
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)


def test_zsh_completes_a_command_and_a_model_from_the_first_tab_on(shell: Shell) -> None:
    installed_in("zsh", shell)
    zsh = Zsh(shell)
    try:
        zsh.wait_for("ready> ")
        assert zsh.completed("otel-agent ver").rstrip() == "otel-agent verify"
        assert zsh.completed("otel-agent summary --model p/c").rstrip() == "otel-agent summary --model p/claude-a"
        assert zsh.completed("otel-agent summary --model p/g").rstrip() == "otel-agent summary --model p/gpt\\ 5"
    finally:
        zsh.close()


def test_fish_completes_a_command_a_model_and_a_session_with_its_title(shell: Shell) -> None:
    installed_in("fish", shell)
    asked = ("otel-agent ver", "otel-agent summary --model p/", "otel-agent session ses")
    lines = in_shell("fish", "; ".join(f"complete -C '{line}'" for line in asked), shell).splitlines()
    assert lines[0].startswith("verify\tProve the count")
    assert lines[1:3] == ["p/claude-a", "p/gpt 5"]
    assert len(lines) == 4
    assert lines[3].endswith("\tRename it")
