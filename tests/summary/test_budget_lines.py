"""The line of a budget fits every terminal, and its numbers are never cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from otel_agent.summary.text.overview import budget_table
from otel_agent.summary.view import BudgetState
from tests.summary.made_machine import MadeMachine, drawn

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
BUDGET = BudgetState(
    name="日本語 and a long name " * 5,
    per="month",
    of_cost=False,
    limit=5_000_000_000,
    used=3_300_000_000,
    since=NOW,
    until=NOW + timedelta(days=5),
    reached=NOW + timedelta(hours=1, minutes=30),
)
DOLLARS = replace(BUDGET, name="x", of_cost=True, used=5_500_000_000, reached=None)


@pytest.mark.parametrize("columns", [40, 44, 50, 62, 80, 120, 200])
def test_a_budget_keeps_its_numbers_at_every_width(columns: int, machine: MadeMachine) -> None:
    view = replace(machine.view("overview", now=NOW), budgets=(BUDGET, DOLLARS))
    head, tokens, dollars = drawn(budget_table(view), columns)
    assert max(map(cell_len, (head, tokens, dollars))) <= columns
    assert "3.30B of 5.00B" in tokens
    assert "5.5000 of 5.0000 USD" in dollars
    assert ("66.0%" in tokens, "110.0%" in dollars) == (columns >= 44,) * 2
    assert ("used up 11-25 13:30" in tokens, dollars.endswith("passed")) == (columns >= 80,) * 2
    assert ("1.70B" in tokens) == (columns >= 80)
