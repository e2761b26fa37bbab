"""One line for a status bar, from what is counted already."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from otel_agent.errors import UsageError
from otel_agent.ledger.queries import open_to_read
from otel_agent.settings.values import BudgetSettings
from otel_agent.summary.status_line import FIELDS, status_line
from tests.summary.made_machine import MadeMachine
from tests.support.made_stores import T0, Tokens, message, session

NOW = datetime.fromtimestamp(T0 / 1000 + 60, UTC)


def line(machine: MadeMachine, template: str) -> str:
    with open_to_read(machine.state_dir) as ledger:
        return status_line(template, ledger, accounting="recorded", now=NOW)


@pytest.fixture
def used(machine: MadeMachine) -> MadeMachine:
    """Two messages today, one eight days ago."""
    of = session()
    machine.tree.put_turn(message(of, Tokens(1_000_000, 2, 3, 4, 5), T0, 1, cost=1.25))
    machine.tree.put_turn(message(of, Tokens(10, 0, 0, 0, 0), T0 - 1_000, 2))
    machine.tree.put_turn(message(of, Tokens(7, 0, 0, 0, 0), T0 - 8 * 86_400_000, 3))
    machine.view("models")
    return machine


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{today.tokens}", "1.00M"),
        ("{today.tokens:exact} {all.tokens:exact}", "1,000,024 1,000,031"),
        ("{today.messages}/{week.messages}/{month.messages}/{all.messages} {all.sessions}", "2/2/3/3 1"),
        ("{today.cost} USD", "1.2500 USD"),
        (
            "{today.input:exact} {today.output} {today.reasoning} {today.cache_read} {today.cache_write}",
            "1,000,010 2 3 4 5",
        ),
        ("{today.usage} today", "1.00M tokens, 1.2500 USD today"),
        ("{today.usage:exact} today", "1,000,024 tokens, 1.2500 USD today"),
        ("no field", "no field"),
        ("a\x1b[31mb", "a\N{REPLACEMENT CHARACTER}[31mb"),
    ],
)
def test_each_field_is_a_number_of_its_range(template: str, shown: str, used: MadeMachine) -> None:
    assert line(used, template) == shown


@pytest.mark.parametrize(("tokens", "shown"), [(1, "1 token"), (7, "7 tokens"), (0, "0 tokens")])
def test_usage_in_words_has_no_cost_if_none_was_recorded(tokens: int, shown: str, machine: MadeMachine) -> None:
    machine.tree.put_turn(message(session(), Tokens(tokens), T0))
    machine.view("models")
    assert line(machine, "{today.usage}") == shown


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{budget}", "week 50.0%"),
        ("{budget.name}: {budget.used} of {budget.limit}, {budget.left} left", "week: 1.00M of 2.00M, 1.00M left"),
        ("{budget.percent}", "50.0%"),
        ("{budget.reached}", "lasts"),
    ],
)
def test_a_budget_is_the_one_of_which_the_largest_part_is_used(template: str, shown: str, used: MadeMachine) -> None:
    """1,000,024 tokens are used this week, and 1.25 dollars today."""
    budgets = (
        BudgetSettings(name="small", cost_usd=5),
        BudgetSettings(name="week", tokens=2_000_000, per="week"),
        BudgetSettings(name="none", tokens=1, models=("nothing",)),
    )
    # The last moment of Sunday: nothing can be used up before the week ends.
    sunday = datetime(2026, 1, 25, 23, 59, 59, tzinfo=UTC)
    with open_to_read(used.state_dir) as ledger:
        found = status_line(template, ledger, accounting="recorded", now=sunday, budgets=budgets)
    assert found == shown


def test_without_a_budget_the_line_says_so(used: MadeMachine) -> None:
    assert line(used, "{budget} {budget.name} {budget.left}") == "no budget no budget \N{MIDDLE DOT}"


@pytest.mark.parametrize(
    "template",
    ["{budget.cost}", "{budget.tokens}", "{tokens}", "{today.what}", "{never.tokens}", "{today.tokens:long}", "{}"],
)
def test_an_unknown_field_is_refused_with_those_that_there_are(template: str, used: MadeMachine) -> None:
    with pytest.raises(UsageError, match="is no field") as refused:
        line(used, template)
    assert all(field in str(refused.value) for field in FIELDS)
