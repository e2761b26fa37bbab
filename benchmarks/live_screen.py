"""The live screen in a terminal of its own: how much it uses at rest, and how long a change of tab takes."""

import fcntl
import os
import pty
import statistics
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import psutil
from msgspec import Struct

_ROWS, _COLUMNS = 50, 140
_START_SECONDS: Final = 5.0
"""The time until it is drawn and at rest."""
_QUIET_SECONDS: Final = 0.3
"""A change is drawn if nothing more is written for this long."""
_TABS: Final = b"234561"
"""The keys of the tabs; each tab shows another view."""


class LiveFigures(Struct, frozen=True):
    """The share of a core that it uses at rest, its memory in megabytes, and the seconds of a change of tab."""

    share: float
    memory_mb: float
    tab_s: float


class LiveScreen:
    """`otel-agent summary --live` in a terminal, while entered."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {**environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self._wrote = 0.0
        """When it wrote last, by `time.monotonic`. Another thread sets it."""

    def __enter__(self) -> Self:
        self._terminal, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
        command = [sys.executable, "-m", "otel_agent", "summary", "--live"]
        self._process = subprocess.Popen(
            command, env=self._environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.write(self._terminal, b"q")
        try:
            self._process.wait(10)
        finally:
            self._process.kill()
            os.close(self._terminal)

    def measure(self, seconds: float) -> LiveFigures:
        """Measure it at rest for so long, then change the tab some times."""
        tick, process = threading.Event(), psutil.Process(self._process.pid)
        tick.wait(_START_SECONDS)
        if not self._wrote or self._process.poll() is not None:
            raise RuntimeError("the live screen did not start")
        began, used = time.monotonic(), _cpu_s(process)
        tick.wait(seconds)
        share = (_cpu_s(process) - used) / (time.monotonic() - began)
        tabs = [self._change_of_tab(key, tick) for key in _TABS]
        return LiveFigures(share, process.memory_info().rss / 1e6, statistics.median(tabs))

    def _change_of_tab(self, key: int, tick: threading.Event) -> float:
        """Press a key, and return how long it took until everything was drawn."""
        pressed = time.monotonic()
        os.write(self._terminal, bytes([key]))
        while self._wrote < pressed or time.monotonic() - self._wrote < _QUIET_SECONDS:
            tick.wait(0.005)
        return self._wrote - pressed

    def _read(self) -> None:
        with suppress(OSError):  # the terminal ends with the program
            while os.read(self._terminal, 65_536):
                self._wrote = time.monotonic()


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
