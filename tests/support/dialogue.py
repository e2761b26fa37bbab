"""A person at a terminal who answers what a command asks."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Sequence

from tests.support.agent import Run
from tests.support.shell import Shell

DEADLINE_S = 60.0
"""A command that asks nothing for so long hangs. Seconds, generous for a busy machine."""
CTRL_C = "\x03"


def dialogue(shell: Shell, arguments: Sequence[str], answers: Sequence[tuple[str, str]], **variables: str) -> Run:
    """Run the command; whenever a question (a regular expression) is printed, type its answer. Return what was printed.

    Fails if a question does not come.
    """
    ours, theirs = pty.openpty()
    shell.scratch.mkdir(exist_ok=True)
    environ = shell.environment() | {"TERM": "xterm-256color", "COLUMNS": "160"} | variables
    # A session with this terminal: Ctrl-C comes from there, and a hidden answer is read from there.
    command = ["setsid", "--ctty", *shell.command(*arguments)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ, cwd=shell.home)
    os.close(theirs)
    printed, asked, waiting, end = b"", 0, list(answers), time.monotonic() + DEADLINE_S
    try:
        while time.monotonic() < end:
            if not select.select([ours], [], [], 1.0)[0]:
                # Python misses a Ctrl-C in the moment before it waits for a key. A person presses it again.
                if not waiting and answers[-1][1] == CTRL_C:
                    os.write(ours, CTRL_C.encode())
                continue
            try:
                block = os.read(ours, 65_536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not block:
                break
            printed += block
            # The blank comes when the terminal is ready: what is typed before a hidden answer is thrown away.
            ready = printed.endswith(b" ")
            if ready and waiting and re.search(waiting[0][0], printed[asked:].decode(errors="replace")):
                asked = len(printed)
                _, answer = waiting.pop(0)
                os.write(ours, answer.encode() if answer == CTRL_C else f"{answer}\n".encode())
    finally:
        if waiting:
            process.kill()
        code = process.wait(DEADLINE_S)
        os.close(ours)
    text = printed.decode(errors="replace").replace("\r\n", "\n")
    assert not waiting, f"never asked: {waiting[0][0]}\n{text}"
    return Run(code, text, "")
