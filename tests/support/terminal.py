"""A command in a terminal of its own, as a person runs it."""

from __future__ import annotations

import os
import pty
import subprocess

from tests.support.shell import Shell


def in_a_terminal(shell: Shell, *arguments: str, **variables: str) -> str:
    """Run the command to its end, and return what it printed; fail if its exit code is not 0."""
    ours, theirs = pty.openpty()
    environ = shell.environment() | {"TERM": "xterm-256color", "COLUMNS": "100"} | variables
    shell.scratch.mkdir(exist_ok=True)
    process = subprocess.Popen(shell.command(*arguments), env=environ, cwd=shell.home, stdout=theirs, stderr=theirs)
    os.close(theirs)
    printed = b""
    try:
        while block := os.read(ours, 65_536):
            printed += block
    except OSError:
        pass  # Linux says so when the other side is closed
    os.close(ours)
    assert process.wait(60) == 0
    return printed.decode()
