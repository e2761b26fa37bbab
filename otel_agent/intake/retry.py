"""When to try again what only a person can mend: a limit of the kernel, for example."""

from typing import Final

_FIRST_SECONDS: Final = 30.0
_LONGEST_SECONDS: Final = 600.0
"""The pause doubles with each try up to this."""


class Retry:
    """Says when to try once more, each time later than before. Seconds on the caller's clock."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._pause = _FIRST_SECONDS

    def plan(self, now: float) -> None:
        """Plan the next try, unless one is planned already."""
        if self._at is None:
            self._at = now + self._pause
            self._pause = min(2 * self._pause, _LONGEST_SECONDS)

    def is_due(self, now: float) -> bool:
        """Return True once for each try that was planned."""
        due = self._at is not None and now >= self._at
        if due:
            self._at = None
        return due
