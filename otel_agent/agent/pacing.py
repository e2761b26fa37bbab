"""Decides how long to leave a backend alone: after a failure, and if it asks for it.

The pause of a signal doubles with each failure. Each pause is shortened by chance, so that a thousand agents do not come
back at the same moment. Even the shortest of the longest pauses is over a minute for both signals together.
What a backend asks for by ``Retry-After`` holds for both signals, and after a reload too.
"""

import random
from collections.abc import Callable
from typing import Final

from otel_agent.delivery import retry

FIRST_PAUSE_SECONDS: Final = 5.0
"""Pause after the first export that failed."""
LONGEST_PAUSE_SECONDS: Final = 180.0
"""The pause doubles with each further failure, up to this. A backend that works again is found within it."""
JITTER: Final = 0.25
"""The part of a pause that chance may take away."""


class AskedPauses:
    """Remembers which backends asked to be left alone, and until when. Seconds on the loop's clock."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def ask(self, backend: str, now: float, seconds: float) -> None:
        """Note that the backend asks to wait so long from now on."""
        if seconds > 0:
            self._until[backend] = max(self.until(backend), now + min(seconds, retry.LONGEST_RETRY_AFTER_SECONDS))

    def until(self, backend: str) -> float:
        """Return when this backend may be asked again; zero if it asked for nothing."""
        return self._until.get(backend, 0.0)


class Backoff:
    """The growing pause of one signal."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        """``chance`` returns a number from 0 to 1: the part of ``JITTER`` that is taken away."""
        self._chance = chance
        self._next = FIRST_PAUSE_SECONDS

    def next_pause(self) -> float:
        """Return the pause after one more failure. Seconds."""
        pause, self._next = self._next, min(self._next * 2, LONGEST_PAUSE_SECONDS)
        return pause * (1 - JITTER * self._chance())

    def reset(self) -> None:
        """Begin with the shortest pause again."""
        self._next = FIRST_PAUSE_SECONDS
