"""Says when something that repeats is due."""

from typing import Final

from msgspec import Struct

NEVER: Final = float("inf")


class Timer(Struct):
    """Says when something that repeats is due. A new one is due at once. Seconds on the loop's clock."""

    next: float = 0.0

    def is_due(self, now: float) -> bool:
        """True from the set time on."""
        return now >= self.next

    def restart(self, now: float, seconds: float) -> None:
        """Make it due ``seconds`` after ``now``."""
        self.next = now + seconds

    def bring_forward(self, now: float, seconds: float) -> None:
        """Make it due ``seconds`` after ``now``, unless it is due before."""
        self.next = min(self.next, now + seconds)

    def make_due(self) -> None:
        """Make it due at once."""
        self.next = 0.0
