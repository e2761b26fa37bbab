"""Joins the batches of a first look in one transaction, which raises each series once for all of them."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from otel_agent.collecting import collect_seldom
from otel_agent.errors import LedgerError
from otel_agent.model import Batch

FIRST_LOOK_SECONDS: Final = 3.0
"""A transaction of a first look takes in what is read in this time. A process that is killed loses no more, beside what it
waits for if a store does not answer. To raise the series for each 20,000 of 100,000 messages took 12 % of the counting."""
_MOST: Final = 100_000
"""Messages in a transaction: SQLite sorts them in memory to add them up. A first look at a million messages peaked at 126 MB
so, and at 125 MB with half as many, which took 7 % longer."""
ALONE: Final = 0.0
"""A batch gets a transaction of its own, and the reader works between two transactions."""


class Joined:
    """Batches that are written together, each before the next one is read. It can be gone through once."""

    def __init__(
        self,
        first: Batch,
        rest: Iterator[Batch],
        seconds: float,
        goes_on: Callable[[], bool],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``goes_on`` is asked between two batches. ``now`` returns seconds that never go back."""
        self._rest, self._seconds, self._goes_on, self._now = rest, seconds, goes_on, now
        self.last = first
        """The batch that was yielded last. It is the only one that can have totals: all rows are in the ledger before."""
        self.failure: Exception | None = None
        """The failure of the reader. What it found before counts all the same: it may fail at each look."""

    def __iter__(self) -> Iterator[Batch]:
        end, messages = self._now() + self._seconds, 0
        while True:
            messages += len(self.last.messages)
            yield self.last
            if self.last.totals is not None or messages >= _MOST or self._now() >= end:
                return
            try:
                if not self._goes_on():
                    return
                self.last = next(self._rest)
            except StopIteration:
                return
            except LedgerError:
                raise
            except Exception as failure:  # noqa: BLE001 - whoever reads on raises it
                self.failure = failure
                return


@contextmanager
def few_collections() -> Iterator[None]:
    """Let Python look less often for objects that refer to each other, which a history makes none of.

    To look as often as by default took 7 % of the counting of a first look.
    """
    usual = collect_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
