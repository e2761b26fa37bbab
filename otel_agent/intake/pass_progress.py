"""The progress of one pass: a long history is read for minutes, and somebody may be waiting for it."""

import logging
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from otel_agent.model.plural import counted

log = logging.getLogger(__name__)

_LOG_EVERY_NS: Final = 5 * 10**9


class Pass(Struct):
    """The result of one pass over all stores, and of its part so far while it goes on."""

    messages: int = 0
    """Messages that were counted for the first time."""
    looked_at: int = 0
    """Files and rows that were read …"""
    found: int = 0
    """… of about so many; 0 if that was not looked up."""
    looked_at_before: int = 0
    """The part of ``looked_at`` that earlier passes read, which were broken off."""
    done: bool = False
    stores: int = 0
    problems: int = 0
    settling: int = 0
    """Folders in which a message was left for the next pass, because its file changed a moment before."""


class Progress:
    """Says every few seconds how far a pass is, and calls ``on_progress`` after each batch and at the end."""

    def __init__(self, outcome: Pass, now_ns: Callable[[], int], on_progress: Callable[[Pass], None] | None) -> None:
        self._outcome, self._now_ns, self._on_progress = outcome, now_ns, on_progress
        self._began_ns = self._logged_ns = now_ns()

    def after_batch(self) -> None:
        """Report what was counted so far."""
        if self._on_progress is not None:
            self._on_progress(self._outcome)
        now_ns = self._now_ns()
        if abs(now_ns - self._logged_ns) > _LOG_EVERY_NS:  # the clock can be set back
            self._logged_ns = now_ns
            log.info("counted %s so far%s", counted(self._outcome.messages, "message"), self._remaining())

    def at_end(self) -> None:
        """Report the result."""
        self._outcome.done = True
        if self._on_progress is not None:
            self._on_progress(self._outcome)

    def _remaining(self) -> str:
        """Return how much of a first import remains, as the end of a sentence; empty if that is not known."""
        looked_at, found = self._outcome.looked_at, self._outcome.found
        now = looked_at - self._outcome.looked_at_before
        if not 0 < now <= looked_at < found:
            return ""
        seconds = max(self._now_ns() - self._began_ns, 0) / 1e9
        left = seconds / now * (found - looked_at)
        return f"; looked at {looked_at} of about {found} files and rows, about {left:.0f} s left"
