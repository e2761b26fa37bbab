"""An ingest over stores that exist in memory only, and its clock."""

from __future__ import annotations

from otel_agent.intake.ingest import Ingest, Rules
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Problem, Store
from tests.support.records import GRACE, T0

DAY_MS = 86_400_000
RULES = Rules(disjoint=False, session_window_ms=DAY_MS, max_series=100, killed_grace_ms=GRACE)


class Clock:
    """Time moves only when a test sets it."""

    def __init__(self, now_ms: int = T0) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms * 1_000_000


def ingest_of(ledger: Ledger, *stores: Store, clock: Clock | None = None, rules: Rules = RULES) -> Ingest:
    def find_stores() -> tuple[dict[str, Store], list[Problem]]:
        return {store.name: store for store in stores}, []

    return Ingest(ledger, find_stores, rules, now_ns=clock or Clock())
