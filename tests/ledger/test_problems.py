"""The problems of a store stay until a pass has looked at their place and found it in order."""

from __future__ import annotations

import pytest

from otel_agent.ledger.writer import Ledger
from otel_agent.model import Problem, ProblemKind

STORE = "/data/opencode.db"
TABLE = f"{STORE}#turn"


@pytest.mark.parametrize(
    ("kind", "place", "sweep", "gone"),
    [
        (ProblemKind.UNKNOWN_SCHEMA, TABLE, False, []),
        (ProblemKind.UNKNOWN_SCHEMA, TABLE, True, [TABLE]),
        (ProblemKind.LOCKED, STORE, False, [STORE]),
        (ProblemKind.MALFORMED, f"{STORE}#message#msg_1", True, []),
        (ProblemKind.LOCKED, "/data/opencode.db-other", True, []),
    ],
)
def test_only_a_sweep_finds_that_an_unknown_table_is_gone(
    ledger: Ledger, kind: ProblemKind, place: str, sweep: bool, gone: list[str]
) -> None:
    """No other pass looks at it. What is of a whole store is looked at by each pass, and a row when it is read."""
    with ledger.transaction():
        ledger.problems.note([Problem(kind, place)], now_ms=1)
    assert ledger.problems.not_seen_again(STORE, set(), sweep=sweep) == gone
    assert ledger.problems.not_seen_again(STORE, {place}, sweep=sweep) == []
