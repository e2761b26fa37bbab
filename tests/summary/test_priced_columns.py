"""The column of a person's prices is as even as USD beside it, and goes before it when room is short."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from otel_agent.summary.formats.as_json import as_json
from otel_agent.summary.price_file import load_prices
from otel_agent.summary.prices import Prices
from otel_agent.summary.text.captions import footnotes
from otel_agent.summary.text.tables import view_table
from otel_agent.summary.text.widths import fit_table
from otel_agent.summary.view import USAGE_VIEWS, View, ViewName
from tests.summary.made_machine import MadeMachine, drawn
from tests.support.made_stores import T0, Tokens, message, session

NOW = datetime.fromtimestamp(T0 / 1000 + 60, UTC)


@pytest.fixture
def prices(tmp_path: Path) -> Prices:
    """A dollar for each token."""
    file = tmp_path / "prices.toml"
    file.write_text('[[price]]\nmodel = "a*"\ninput = 1000000\noutput = 1\n')
    return load_prices(file)


@pytest.fixture
def used(machine: MadeMachine) -> MadeMachine:
    """Costs of 20 and 8 dollars as recorded, and of 21 and 9 by the prices; a third model has no price."""
    for number, (model, tokens, cost) in enumerate((("a1", 21, 20.0), ("a2", 9, 8.0), ("unpriced", 5, 1.0)), 1):
        of = session(T0, number)
        machine.tree.put_turn(message(of, Tokens(input=tokens), T0, number, model=model, provider="p", cost=cost))
    return machine


def priced(machine: MadeMachine, prices: Prices, name: ViewName = "models") -> View:
    machine.view(name)
    return machine.answer(name, now=NOW, prices=prices)


def test_all_amounts_of_a_column_have_as_many_decimals(used: MadeMachine, prices: Prices) -> None:
    lines = drawn(view_table(priced(used, prices)), 200)
    found = [re.findall(r"[0-9]+\.[0-9]+(?= |\+|$)", line)[-2:] for line in lines[2:4]]
    assert found == [["20.00", "21.00"], ["8.00", "9.00"]]
    assert any(line.startswith("Total") and "29.00" in line and "30.00+" in line for line in lines)


@pytest.mark.parametrize("name", USAGE_VIEWS)
def test_usd_stays_as_long_as_the_amounts_by_prices(name: ViewName, used: MadeMachine, prices: Prices) -> None:
    view, seen = priced(used, prices, name), set()
    for columns in range(30, 200, 5):
        titles = [column.title for column in fit_table(view, columns).columns]
        shown = ("USD" in titles, "API-equiv." in titles)
        assert shown != (False, True), columns
        seen.add(shown)
    assert seen >= {(True, False), (True, True)}


def test_without_recorded_costs_the_amounts_by_prices_stay(machine: MadeMachine, prices: Prices) -> None:
    machine.tree.put_turn(message(session(), Tokens(input=2), T0, 1, model="a", provider="p"))
    for columns in (50, 60, 200):
        head = drawn(view_table(priced(machine, prices)), columns)[1]
        assert ("USD" in head, "API-equiv." in head) == (False, True), columns


def test_titles_are_no_model_without_a_price(prices: Prices, used: MadeMachine) -> None:
    view = priced(used, prices)
    assert view.equivalents is not None
    assert (
        said(view, {"p/x": 7, "titles and other": 5})
        == '1 model and "titles and other" have no price, so a sum with + is too small: p/x (5 tokens).'
    )
    assert (
        said(view, {"p/x": 7, "p/y": 5}) == "2 models have no price, so a sum with + is too small: p/x, p/y (5 tokens)."
    )
    assert (
        said(view, {"titles and other": 5})
        == '"titles and other" has no price, so a sum with + is too small (5 tokens).'
    )
    assert [each["model"] for each in json.loads(as_json([view]))["prices"]["without_price"]] == ["p/unpriced"]


def said(view: View, without: dict[str, int]) -> str:
    assert view.equivalents is not None
    changed = replace(view, equivalents=replace(view.equivalents, without_price=without))
    (sentence,) = (note for note in footnotes(changed) if "no price" in note)
    return sentence
