"""Counts the lines of code that sessions say were changed, once every message of the pass is decided."""

from collections.abc import Callable
from typing import Final

from otel_agent.intake.counting import Counting
from otel_agent.ledger.writer import Ledger

_AT_ONCE: Final = 1_000
"""Sessions that are decided in one transaction."""


def count_lines(ledger: Ledger, counting: Counting, stopping: Callable[[], bool]) -> None:
    """Raise the totals by what sessions said since they were counted last. What cannot be decided waits for the next pass."""
    after = ""
    while not stopping() and (due := ledger.changed_lines.due(after=after, limit=_AT_ONCE)):
        with counting.transaction():
            counting.add_lines(ledger.changed_lines.count(due))
        after = due[-1].id
