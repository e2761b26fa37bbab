"""Ends the turns to which nothing more comes, although nothing in a store says so."""

from collections.abc import Callable
from typing import Final

from otel_agent.intake.counting import Counting
from otel_agent.intake.traces import Traces
from otel_agent.ledger.turns import Turns

_AT_ONCE: Final = 2_000
"""Turns that are ended in one transaction."""


def end_idle_turns(
    turns: Turns, traces: Traces, counting: Counting, *, before_ms: int, sweep: bool, stopping: Callable[[], bool]
) -> None:
    """End turns whose last message ended before ``before_ms``. A ``sweep`` looks at the callers of exported turns too."""
    while not stopping() and (idle := turns.idle(before_ms=before_ms, limit=_AT_ONCE)):
        with counting.transaction():
            turns.close(idle)
            counting.add_turns(turns.ended(idle))
    traces.free_orphans(before_ms=before_ms, sent=False)
    if sweep:
        traces.free_orphans(before_ms=before_ms, sent=True)
