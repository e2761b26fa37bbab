"""The one clock of a simulated machine. It moves only when an event says so."""

from __future__ import annotations

START_MS = 1_800_000_000_000
"""January 2027, later than the times that the files of the real machine have."""


class Clock:
    """Milliseconds since the epoch in ``now_ms``; calling it returns nanoseconds."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms * 1_000_000

    def tick(self, ms: int) -> int:
        """Let time pass, and return the new time in milliseconds."""
        self.now_ms += ms
        return self.now_ms
