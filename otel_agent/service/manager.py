"""The protocol that ``systemd.py`` and ``launchd.py`` implement, and what the two share."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from otel_agent.errors import OtelAgentError
from otel_agent.obstacles import cannot_write
from otel_agent.service.program import Program

MARK: Final = "otel-agent service install"
"""A text in every file that we wrote or that was copied from ours. A file without it is left alone."""
_PATIENCE_SECONDS: Final = 60.0
"""Time for one call of the service manager, which may have to wait for the agent to stop."""

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
"""Runs a program to its end and returns its output. Raises ``ServiceError`` if there is no such program."""


class ServiceError(OtelAgentError):
    """The service manager cannot do what was asked for."""


class ServiceState(Struct, frozen=True):
    """The state of the service."""

    installed: bool
    running: bool
    description: str
    """One line in the service manager's own words."""
    file: Path


class Manager(Protocol):
    """A service manager that starts the agent at login. Every method raises ``ServiceError`` if the manager refuses."""

    @property
    def file(self) -> Path:
        """The file that makes the manager start the agent."""

    def rendered(self, program: Program) -> str:
        """Return the content of that file."""

    def install(self, program: Program, *, restart: bool = False) -> bool:
        """Write the file, enable the service and start it. Return whether anything changed.

        ``restart`` starts a running service again even if its file did not change, because its settings did.
        If the manager refuses, or Ctrl-C is pressed, the previous service is put back.
        """

    def uninstall(self) -> bool:
        """Stop the service, disable it and remove the file. Return whether there was one."""

    def state(self) -> ServiceState:
        """Ask the manager for the state of the service."""

    def log_command(self, lines: int, *, follow: bool) -> list[str]:
        """Return the command that prints the last lines of the service's log, and new ones as they come."""


def is_current(manager: Manager, program: Program) -> bool:
    """Return true if the service runs and nothing would change. Raises ``ServiceError`` if another program wrote its file."""
    if not written_by_us(manager.file) or manager.file.read_text(encoding="utf-8") != manager.rendered(program):
        return False
    return manager.state().running


def run_program(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, as ``Run`` promises. Raises ``ServiceError`` also if it takes too long."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS)
    # Permission is denied also if one folder of the PATH may not be searched, and no other has the program.
    except (FileNotFoundError, PermissionError):
        raise ServiceError(f"there is no program {command[0]} here that this user may run. {BY_HAND}") from None
    except subprocess.TimeoutExpired:
        raise ServiceError(f"`{' '.join(command)}` did not end within {_PATIENCE_SECONDS:.0f} s.") from None


def must(run: Run, *command: str) -> str:
    """Run a program that has to succeed, and return its output. Raises ``ServiceError`` with its words if it fails."""
    done = run(command)
    if done.returncode != 0:
        reason = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
        raise ServiceError(f"`{' '.join(command)}` failed: {reason}{_what_to_do(reason)}")
    return done.stdout


def _what_to_do(reason: str) -> str:
    """Return advice if the reason is that systemd does not manage this user's session, as over `su` or in a container."""
    if not any(
        sign in reason for sign in ("connect to bus", "connect to user scope bus", "not been booted with systemd")
    ):
        return ""
    return (
        ". systemd manages no session of this user here. Log in as this user (by ssh or at the screen, not with su), or run "
        f"`sudo loginctl enable-linger $USER` and log in again. In a container there is none at all. {BY_HAND}"
    )


@contextmanager
def changing_files() -> Iterator[None]:
    """Raise ``ServiceError`` when a file or folder cannot be written, with its name and what to do."""
    try:
        yield
    except OSError as error:
        path = Path(str(error.filename))
        # The name of a folder that cannot be made, or of a file in a folder that was.
        why = cannot_write(
            path,
            error,
            "Make its folder writable for you",
            "and try again",
            is_folder=path.suffix == "" or path.is_dir(),
        )
        raise ServiceError(
            f"cannot write {error.filename}: {why} "
            "`otel-agent service install --print` shows what would be written, to put it in place by hand."
        ) from None


def written_by_us(path: Path) -> bool:
    """True if the file exists and is ours. Raises ``ServiceError`` if somebody else wrote it or it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ServiceError(
            f"cannot read {path}: {error.strerror}. Make it readable for you, or move it away."
        ) from None
    # Somebody may have written a unit of this name by hand: it is theirs.
    if MARK not in text:
        raise ServiceError(
            f"{path} was not written by otel-agent. Move it away first, or keep it and do not use this command."
        )
    return True


BY_HAND: Final = (
    "Let your own supervisor or login script run `otel-agent run`. It stays in the foreground, logs to standard error, "
    "stops cleanly on SIGTERM, and refuses to run twice."
) + (' On Windows: schtasks /Create /SC ONLOGON /TN otel-agent /TR "otel-agent run"' if sys.platform == "win32" else "")
"""Advice for a system without a service manager that we know."""
