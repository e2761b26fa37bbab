"""Reads the tool calls of the history beside everything else, if a summary asks for them."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from otel_agent.intake.calls_of_history import CallsOfHistory
from otel_agent.ledger import calls_request

_SLICE_SECONDS: Final = 0.2
"""New messages and exports wait no longer than this, and one batch more."""


class RequestedCalls:
    """Reads a slice of these calls after each pass, until none are left. Belongs to the thread that owns the ledger."""

    def __init__(
        self, state_dir: Path, begin: Callable[[], CallsOfHistory], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._state_dir, self._begin, self._now = state_dir, begin, now
        self._walk: CallsOfHistory | None = None

    def step(self) -> bool:
        """Read a slice if somebody asked; return True if there is more to read. Raises ``LedgerError``."""
        if self._walk is None:
            if not calls_request.is_asked(self._state_dir):
                return False
            self._walk = self._begin()
            self._walk.begin()
        until = self._now() + _SLICE_SECONDS
        # At least one batch, however slow the machine is.
        self._walk.step()
        while not self._walk.is_done and self._now() < until:
            self._walk.step()
        if self._walk.is_done:
            self._walk = None
            calls_request.answered(self._state_dir)
        return self._walk is not None
