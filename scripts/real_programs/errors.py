"""What stops this program, with the text that a person reads."""

from __future__ import annotations

import signal


class GetError(Exception):
    """A program cannot be had; the text says what to do next."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a request to end; `exit_code` is the one that a shell reports for that signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number
