"""Ctrl-C and requests to end: they may come at any moment, but for those in which something would be lost sight of."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a request to end; `exit_code` is the one that a shell reports for that signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Interrupts:
    """Raises Interrupted in the main thread, at once or at the end of a `held` block."""

    def __init__(self) -> None:
        self._is_held = False
        self._came: int | None = None

    def listen(self) -> None:
        """Begin to raise. A signal that this process was started to ignore, as by nohup, stays ignored."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._take)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raise nothing in this block; what came meanwhile is raised at its end."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._came is not None:
            raise Interrupted(self._came)

    def _take(self, number: int, _: FrameType | None) -> None:
        if not self._is_held:
            raise Interrupted(number)
        self._came = number


INTERRUPTS = Interrupts()
