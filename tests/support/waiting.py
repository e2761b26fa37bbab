"""Waits until another program has done something."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

DEADLINE_S = 60.0
"""The longest wait. Seconds, generous for a slow and busy machine."""
_NEVER = threading.Event()

Seen = TypeVar("Seen")


def eventually(
    look: Callable[[], Seen], wanted: Seen, *, deadline_s: float = DEADLINE_S, why_not: Callable[[], str] = str
) -> None:
    """Call `look` until it returns what is wanted.

    Raises AssertionError if time runs out first, with the last value and the text that `why_not` returns.
    """
    give_up = monotonic() + deadline_s
    while (seen := look()) != wanted:
        assert monotonic() < give_up, f"after {deadline_s:.0f} s it is {seen}, not {wanted}\n{why_not()}"
        _NEVER.wait(0.01)
