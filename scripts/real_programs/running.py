"""Run other programs: npm, go and the like, with their messages on standard error."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from scripts.real_programs.errors import CommandFailed, GetError
from scripts.real_programs.interrupts import INTERRUPTS

END_DEADLINE_S = 10.0
"""How long an interrupted command may take to clean up after itself. Seconds; then it is killed."""

ADVICE = {
    "go": "install Go 1.26 or newer (https://go.dev/dl/) and put it on PATH",
    "npm": "install Node.js, which brings npm, and put it on PATH",
    "java": "install Java 17 or newer and put it on PATH",
    "mvn": "install Maven and put it on PATH",
    "apt-get": "install the program with this system's own package manager",
}
"""What to do when a command is missing."""


def say(text: str) -> None:
    """Print a line of progress. It goes to standard error, because standard output is for paths."""
    print(f"real-programs: {text}", file=sys.stderr, flush=True)


def missing(commands: Sequence[str]) -> list[str]:
    """Return those of the commands that are not on PATH."""
    return [command for command in commands if shutil.which(command) is None]


def require(commands: Sequence[str], what: str) -> None:
    """Raise GetError if a command that `what` needs is not on PATH."""
    for command in missing(commands):
        raise GetError(f"{what} needs {command}, which is not on PATH: {ADVICE[command]}.")


def run(command: Sequence[str | Path], folder: Path, variables: Mapping[str, str] | None = None) -> None:
    """Run a command in `folder` to its end, its output on standard error. Raise CommandFailed if it fails."""
    code, _ = _run(command, folder, os.environ | dict(variables or {}), sys.stderr, None)
    if code != 0:
        raise CommandFailed(f"`{_shown(command)}` ended with exit code {code}; its messages are above.")


def output(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Return what a command prints, without the newline at its end. Raise CommandFailed if it fails."""
    code, said = _run(command, folder, environment, subprocess.PIPE, subprocess.PIPE)
    if code != 0:
        raise CommandFailed(f"`{_shown(command)}` ended with exit code {code}: {said or 'it printed nothing'}")
    return said


def _run(
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str] | None,
    stdout: IO[str] | int,
    stderr: int | None,
) -> tuple[int, str]:
    """Return the exit code, and what went into pipes: standard output, or the complaints of a command that failed."""
    process: subprocess.Popen[str] | None = None
    try:
        # An interruption inside Popen would leave a process that nobody knows.
        with INTERRUPTS.held():
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                encoding="utf-8",
                errors="replace",
            )
        printed, complained = process.communicate()
    except OSError as error:
        raise GetError(f"{command[0]} cannot be run: {error.strerror}.") from error
    except BaseException:
        if process is not None:
            _end(process)
        raise
    code = process.returncode
    return code, ((complained if code and complained else printed) or "").strip()


def _shown(command: Sequence[str | Path]) -> str:
    words = " ".join(str(word) for word in command)
    return words if len(words) <= 100 else f"{words[:100]}…"


def _end(process: subprocess.Popen[str]) -> None:
    """End a command the way Ctrl-C does: go, npm and pip then remove their own temporary files."""
    # A process that sudo started belongs to root. It got the terminal's Ctrl-C itself.
    with contextlib.suppress(PermissionError):
        process.send_signal(signal.SIGINT)
        try:
            process.wait(END_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
