"""Opens a session in OpenCode, which has the terminal meanwhile."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from otel_agent.errors import OtelAgentError
from otel_agent.summary.text import words


def open_session(session: str, directory: str) -> None:
    """Run ``opencode -s`` in the session's directory, if that exists, until the person ends it.

    Raises ``OtelAgentError`` if it cannot be started, or failed.
    """
    program = command(session)
    folder = Path(directory) if directory and Path(directory).is_dir() else None
    try:
        with _interrupts_are_its_own():
            status = subprocess.run(program, cwd=folder, check=False).returncode
    except OSError as error:
        raise OtelAgentError(f"cannot start {program[0]}: {error.strerror}.") from None
    if status > 0:
        raise OtelAgentError(f"opencode ended with status {status}.")


def command(session: str) -> list[str]:
    """Return the command line that opens a session. Raises ``OtelAgentError`` if there is none."""
    program = shutil.which("opencode")
    if program is None:
        raise OtelAgentError("opencode is not on the PATH, so the session cannot be opened.")
    # An id is text from storage; one that looks like an option would be read as one.
    if not session or session.startswith("-"):
        raise OtelAgentError(f"{words.plain(session) or 'this'} is no id that OpenCode could open.")
    return [program, "-s", session]


@contextmanager
def _interrupts_are_its_own() -> Iterator[None]:
    """Let Ctrl-C in OpenCode not end this program. A handler, unlike "ignore", is not inherited by a child."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
