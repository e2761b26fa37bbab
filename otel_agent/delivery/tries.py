"""The tries of one export. Together they have one deadline, and what one of them may have delivered is not forgotten."""

import random
import threading
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct, structs

from otel_agent.delivery.ports import NOTHING_SENT
from otel_agent.model import SendResult

MOST_TRIES: Final = 3
_FIRST_PAUSE_SECONDS: Final = 1.0
"""Pause before a second try if the backend names no time; twice as long before the third."""


class Tried(Struct, frozen=True):
    """The result of one try, and when another one makes sense."""

    result: SendResult
    again: bool = False
    """True if the backend asks for a further try, at ``again_s`` or after a short pause of our choice."""
    again_s: float | None = None
    """The seconds that the backend named."""
    broke: bool = False
    """The connection broke before an answer came. It may have been an old one, so a new one is tried at once."""


class Tries:
    """Sends requests one after the other, each with its repeats. ``close`` may be called from another thread."""

    def __init__(self, most: int = MOST_TRIES) -> None:
        self._most, self._closed = most, threading.Event()
        self._failing = False

    @property
    def closed(self) -> bool:
        """True if nothing may be sent any more."""
        return self._closed.is_set()

    def close(self) -> None:
        """End a pause under way. No try begins afterwards."""
        self._closed.set()

    def run(self, once: Callable[[float], Tried], seconds: float) -> SendResult:
        """Return the result of the last try. ``once`` gets the deadline of all of them, on the monotonic clock.

        If an earlier try may have arrived, the result is ``unanswered`` whatever the last one says, and never permanent.
        """
        deadline = time.monotonic() + seconds
        result, may_have_arrived = NOTHING_SENT, False
        for number in range(1, self._most + 1):
            if self.closed:
                break
            tried = once(deadline)
            result, may_have_arrived = tried.result, may_have_arrived or tried.result.unanswered
            pause = self._pause(tried, number)
            if pause is None or pause >= deadline - time.monotonic() or self._closed.wait(pause):
                break
        self._failing = not result.accepted
        if result.accepted or not may_have_arrived:
            return result
        # A rejection of the second try says nothing of the first. The next export asks again, and then knows.
        return structs.replace(result, unanswered=True, permanent=False)

    def _pause(self, tried: Tried, number: int) -> float | None:
        """Return the seconds before the next try, ``None`` if it has to wait for the next export."""
        # A backend that fails for long gets one request for each export: the loop's pauses are longer.
        if self._failing:
            return None
        if tried.broke and number == 1:
            return 0.0
        if not (tried.again or tried.broke):
            return None
        if tried.again_s is not None:
            return tried.again_s
        return _FIRST_PAUSE_SECONDS * number * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
