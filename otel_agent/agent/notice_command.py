"""Runs a person's command for each notice, in a thread beside the agent's work, which never waits for it."""

import logging
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_NO_COMMAND: Final = "none"
_OUTCOMES: Final = ("ok", "failed", "timeout")


class NoticeCommand:
    """Gives each notice to the command once, and remembers how that ended. A failure is never tried again."""

    def __init__(self, command: Sequence[str], timeout_seconds: float) -> None:
        """``command`` is a program and its arguments; empty if there is none. ``~`` is the home in the program's path."""
        self._command = [os.path.expanduser(command[0]), *command[1:]] if command else []  # noqa: PTH111 - may be no path
        self._timeout = timeout_seconds
        self._lock = threading.Lock()
        self._outcomes = Counter(dict.fromkeys(_OUTCOMES if command else (_NO_COMMAND,), 0))
        self._failing = False
        self._running: dict[threading.Thread, subprocess.Popen[bytes]] = {}

    def give(self, notice: bytes) -> None:
        """Start the command with this on its standard input, and return at once."""
        if not self._command:
            with self._lock:
                self._outcomes[_NO_COMMAND] += 1
            return
        try:
            # A group of its own: Ctrl-C ends the agent and not the notice, and whatever it started ends with it.
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._note("failed", getattr(error, "strerror", None) or str(error))
            return
        thread = threading.Thread(target=self._wait, args=(process, notice), name="budget command", daemon=True)
        with self._lock:
            self._running[thread] = process
        thread.start()

    def outcomes(self) -> dict[str, int]:
        """Return how many notices there were, by how the command ended; those under way are not among them."""
        with self._lock:
            return dict(self._outcomes)

    def close(self, patience_seconds: float) -> None:
        """Wait so long for commands that run, and kill those that still do."""
        until = time.monotonic() + patience_seconds
        for thread, process in self._under_way():
            thread.join(max(until - time.monotonic(), 0.0))
            if thread.is_alive():
                _kill(process)

    def _under_way(self) -> list[tuple[threading.Thread, subprocess.Popen[bytes]]]:
        with self._lock:
            return list(self._running.items())

    def _wait(self, process: subprocess.Popen[bytes], notice: bytes) -> None:
        try:
            # A program that does not read its input may end before it is written.
            with suppress(BrokenPipeError):
                process.communicate(notice, timeout=self._timeout)
            process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
            self._note("timeout", f"it was killed after {self._timeout:g} s")
        else:
            code = process.returncode
            why = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
            self._note("ok" if code == 0 else "failed", why)
        with self._lock:
            del self._running[threading.current_thread()]

    def _note(self, outcome: str, why: str) -> None:
        with self._lock:
            self._outcomes[outcome] += 1
            said, self._failing = self._failing, outcome != "ok"
        # Once, until it works again: the metric counts each.
        if self._failing and not said:
            log.warning(
                "the command of [budget_notice], %s, failed: %s. The notice is in this log; the command is not run again for it",
                Path(self._command[0]).name,
                why,
            )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a command and what it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
