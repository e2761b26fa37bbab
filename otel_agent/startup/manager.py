"""What every service manager can be asked for."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from otel_agent.errors import OtelAgentError
from otel_agent.startup.program import Program

MARK: Final = "otel-agent service install"
"""Stands in every file that we wrote or that was copied from ours; another one is not touched."""
_PATIENCE_SECONDS: Final = 60.0

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
"""Runs a program to its end and keeps what it says. Raises ``StartupError`` where there is no such program."""


class StartupError(OtelAgentError):
    """The service manager cannot do what was asked for."""


class Standing(Struct, frozen=True):
    """How the service stands."""

    installed: bool
    running: bool
    told: str
    """In the manager's own words, a line."""
    file: Path


class Manager(Protocol):
    @property
    def file(self) -> Path:
        """What is written to have the agent started."""

    def rendered(self, program: Program) -> str: ...

    def install(self, program: Program) -> bool:
        """Write, enable, start. Returns whether anything changed. Raises ``StartupError``."""

    def uninstall(self) -> bool:
        """Stop, disable, remove. Returns whether there was anything."""

    def standing(self) -> Standing: ...

    def log_command(self, lines: int, *, follow: bool) -> list[str]:
        """The program that shows the log."""


def run_program(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS)
    except FileNotFoundError:
        raise StartupError(f"there is no program {command[0]} here. {BY_HAND}") from None
    except subprocess.TimeoutExpired:
        raise StartupError(f"`{' '.join(command)}` did not end within {_PATIENCE_SECONDS:.0f} s.") from None


def must(run: Run, *command: str) -> str:
    """What the program says. Raises ``StartupError`` with it where it fails."""
    done = run(command)
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
        raise StartupError(f"`{' '.join(command)}` failed: {said}")
    return done.stdout


@contextmanager
def changing_files() -> Iterator[None]:
    """Raise ``StartupError`` when a file or folder cannot be written, with its name and what to do."""
    try:
        yield
    except OSError as error:
        raise StartupError(
            f"cannot write {error.filename}: {error.strerror}. Make its folder writable for you and try again. "
            "`otel-agent service install --print` shows what would be written, to put it in place by hand."
        ) from None


def written_by_us(path: Path) -> bool:
    """Whether the file is there and ours. Raises ``StartupError`` for one of somebody else's."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StartupError(
            f"cannot read {path}: {error.strerror}. Make it readable for you, or move it away."
        ) from None
    if MARK not in text:
        raise StartupError(
            f"{path} was not written by otel-agent. Move it away first, or keep it and do without this command."
        )
    return True


BY_HAND: Final = (
    "Have your own supervisor or login script run `otel-agent run`: it stays in the foreground, logs to standard error, ends "
    "well on SIGTERM, and refuses to run twice. On Windows: "
    'schtasks /Create /SC ONLOGON /TN otel-agent /TR "otel-agent run"'
)
