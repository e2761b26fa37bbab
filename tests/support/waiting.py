"""Waiting for what another program does in its own time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

DEADLINE_S = 60.0
"""Seconds, on a slow and busy machine."""
_NEVER = threading.Event()

Seen = TypeVar("Seen")


def eventually(
    look: Callable[[], Seen], wanted: Seen, *, deadline_s: float = DEADLINE_S, why_not: Callable[[], str] = str
) -> None:
    """ReadScope until it is what is wanted; AssertionError, with what it was last and `why_not`, where time runs out before."""
    give_up = monotonic() + deadline_s
    while (seen := look()) != wanted:
        assert monotonic() < give_up, f"after {deadline_s:.0f} s it is {seen}, not {wanted}\n{why_not()}"
        _NEVER.wait(0.01)
