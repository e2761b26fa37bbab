"""A budget says what is used of it, what is left, and when it is used up at this pace."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from otel_agent.errors import UsageError
from otel_agent.ledger.queries import open_to_read
from otel_agent.settings.values import BudgetSettings
from otel_agent.summary.amounts import TokensOrCost, amount
from otel_agent.summary.budgets import budget_states
from otel_agent.summary.view import BudgetState
from tests.summary.made_machine import MadeMachine
from tests.support.made_stores import Tokens, message, session

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 6, tzinfo=BERLIN)
"""A Wednesday: a fourth of the day has passed, and 54 hours of the week."""


def ms(day: int, hour: int) -> int:
    return round(datetime(2026, 11, day, hour, tzinfo=BERLIN).timestamp() * 1000)


@pytest.fixture
def used(machine: MadeMachine) -> MadeMachine:
    """100 tokens today, 70 of them of model `a`; 30 more on Monday; 1,000 on Sunday, which is the week before."""
    of = session()
    for counter, (at, tokens, model, cost) in enumerate(
        (
            (ms(25, 5), 70, "a", 2.0),
            (ms(25, 5), 30, "b", 0.5),
            (ms(23, 9), 30, "a", 1.0),
            (ms(22, 23), 1_000, "a", 0.0),
        ),
        1,
    ):
        machine.tree.put_turn(
            message(of, Tokens(input=tokens), at, counter, completed=at + 1, model=model, provider="p", cost=cost)
        )
    machine.view("models")
    return machine


def state(machine: MadeMachine, budget: BudgetSettings) -> BudgetState:
    with open_to_read(machine.state_dir) as ledger:
        assert ledger is not None
        (found,) = budget_states([budget], ledger, accounting="recorded", now=NOW)
    return found


@pytest.mark.parametrize(
    ("budget", "used_of_it"),
    [
        (BudgetSettings(tokens=200), 100),
        (BudgetSettings(tokens=200, models=("p/a",)), 70),
        (BudgetSettings(tokens=200, per="week"), 130),
        (BudgetSettings(tokens=200, per="month"), 1_130),
        (BudgetSettings(cost_usd=10, per="week"), 3_500_000_000),
        (BudgetSettings(tokens=5, agents=("nobody",)), 0),
    ],
)
def test_what_is_used_is_that_of_its_time_and_its_globs(
    budget: BudgetSettings, used_of_it: int, used: MadeMachine
) -> None:
    assert state(used, budget).used == used_of_it


def test_at_this_pace_it_is_used_up_in_the_same_time_again(used: MadeMachine) -> None:
    found = state(used, BudgetSettings(tokens=200))
    assert (found.left, found.is_passed) == (100, False)
    assert found.reached == datetime(2026, 11, 25, 12, tzinfo=BERLIN)
    assert found.until == datetime(2026, 11, 26, tzinfo=BERLIN)


def test_one_that_lasts_is_never_used_up(used: MadeMachine) -> None:
    assert state(used, BudgetSettings(tokens=401)).reached is None


def test_one_that_is_passed_says_so(used: MadeMachine) -> None:
    found = state(used, BudgetSettings(tokens=99))
    assert (found.left, found.is_passed, found.reached) == (0, True, None)
    assert not state(used, BudgetSettings(tokens=100)).is_passed


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("5M", TokensOrCost(5_000_000, of_cost=False)),
        ("1.5k", TokensOrCost(1_500, of_cost=False)),
        ("250_000", TokensOrCost(250_000, of_cost=False)),
        ("250,000", TokensOrCost(250_000, of_cost=False)),
        ("$20", TokensOrCost(20 * 10**9, of_cost=True)),
        ("0.5 USD", TokensOrCost(500_000_000, of_cost=True)),
    ],
)
def test_an_amount_is_tokens_or_dollars(text: str, meant: TokensOrCost) -> None:
    assert amount("--fail-above", text) == meant


@pytest.mark.parametrize("text", ["", "lots", "-5", "5T", "20EUR", "$"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not an amount"):
        amount("--fail-above", text)
