"""A person's prices give an amount beside what was recorded: exact, each token once, and what has no price is said."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from otel_agent.errors import SettingsError
from otel_agent.model import Tokens as ModelTokens
from otel_agent.summary.formats.as_csv import as_csv
from otel_agent.summary.formats.as_html import as_html
from otel_agent.summary.formats.as_json import as_json
from otel_agent.summary.formats.as_markdown import as_markdown
from otel_agent.summary.price_file import load_prices
from otel_agent.summary.prices import Prices
from otel_agent.summary.question import Filters
from otel_agent.summary.text.tables import view_table
from otel_agent.summary.view import View, ViewName
from tests.summary.made_machine import MadeMachine, drawn
from tests.support.made_stores import T0, Project, Tokens, message, session
from tests.support.paths import ROOT
from tests.support.shell import Shell

NOW = datetime.fromtimestamp(T0 / 1000 + 60, UTC)
FILE = """
[[price]]
provider = "p"
model = "Dear*"
input = 3
output = 15.5
cache_read = 0.0375
cache_write = 3.75

[[price]]
model = "cheap"
input = 0.000000001
output = 1
reasoning = 2
"""
OTHER = Project(worktree="/home/dev/other")


@pytest.fixture
def prices(tmp_path: Path) -> Prices:
    file = tmp_path / "prices.toml"
    file.write_text(FILE)
    return load_prices(file)


@pytest.fixture
def used(machine: MadeMachine) -> MadeMachine:
    """Two sessions. The first uses two models and has a sub-agent, the second a model without a price too."""
    first, second = session(T0 - 900), session(T0 - 800, counter=2, project=OTHER, directory=OTHER.worktree)
    below = session(T0 - 700, counter=3, parent=first.id)
    everything = Tokens(1_000_000, 100, 10, 2_000, 300)
    for counter, (of, model, tokens, agent) in enumerate(
        (
            # 3 + (1,550 + 155 + 75 + 1,125) / 10**6 dollars
            (first, "dear-1", everything, "build"),
            # 10**-9 + (100 + 20 + 0.000002 + 0.0000003) / 10**6 dollars
            (first, "cheap", everything, "build"),
            (below, "dear-2", Tokens(output=2), "explore"),
            (second, "cheap", Tokens(output=5), "build"),
            (second, "unknown", Tokens(1, 2, 3, 4, 5), "build"),
        ),
        1,
    ):
        machine.tree.put_turn(
            message(
                of,
                tokens,
                T0 + counter,
                counter,
                model=model,
                provider="p",
                agent=agent,
                completed=T0 + counter + 9,
                total=total(tokens),
            )
        )
    machine.view("models")
    return machine


def total(tokens: Tokens) -> int:
    """A total that says that no token is in two categories."""
    return tokens.input + tokens.output + tokens.reasoning + tokens.cache_read + tokens.cache_write


DEAR, CHEAP = 3.002905, 0.0001200010023
"""Dollars of the first two messages, added up by hand."""
BELOW, SECOND = 0.000031, 0.000005
ROWS: dict[ViewName, dict[str, tuple[float | None, int]]] = {
    "models": {
        "p/dear-1": (DEAR, 0),
        "p/dear-2": (BELOW, 0),
        "p/cheap": (0.0001250010023, 0),
        "p/unknown": (None, 15),
    },
    "agents": {"build": (DEAR + CHEAP + SECOND, 15), "explore": (BELOW, 0)},
    "projects": {"/home/dev/projects/persona": (DEAR + CHEAP + BELOW, 0), "/home/dev/other": (SECOND, 15)},
}


def document(view: View) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(as_json([view]))
    jsonschema.validate(found, json.loads((ROOT / "docs" / "summary.schema.json").read_text()))
    return found


def rows_of(view: View) -> dict[str, tuple[float | None, int]]:
    return {row["key"]: (row["api_equivalent_usd"], row["tokens_without_price"]) for row in document(view)["rows"]}


def about(rows: dict[str, tuple[float | None, int]]) -> dict[str, Any]:
    return {
        key: (amount if amount is None else pytest.approx(amount, rel=1e-15), n) for key, (amount, n) in rows.items()
    }


# Kept sums answer for all time and whole days, and messages for a filter and a part of a quarter of an hour.
@pytest.mark.parametrize("asked", ["all", "today", "filter"])
@pytest.mark.parametrize("name", ROWS)
def test_each_row_has_its_amount(name: ViewName, asked: str, used: MadeMachine, prices: Prices) -> None:
    view = _view(used, name, asked, prices)
    assert rows_of(view) == about(ROWS[name])
    found = document(view)
    assert found["totals"]["api_equivalent_usd"] == pytest.approx(DEAR + CHEAP + BELOW + SECOND, rel=1e-15)
    assert found["prices"]["without_price"] == [{"model": "p/unknown", "tokens": 15}]


@pytest.mark.parametrize("asked", ["all", "today", "filter"])
def test_sessions_and_days_have_their_amounts(asked: str, used: MadeMachine, prices: Prices) -> None:
    own = sorted(rows_of(_view(used, "sessions", asked, prices)).values())
    assert own == [pytest.approx(each, rel=1e-15) for each in ((SECOND, 15), (BELOW, 0), (DEAR + CHEAP, 0))]
    rolled = sorted(rows_of(_view(used, "sessions", asked, prices, rolled_up=True)).values())
    assert rolled == [pytest.approx(each, rel=1e-15) for each in ((SECOND, 15), (DEAR + CHEAP + BELOW, 0))]
    (day,) = rows_of(_view(used, "timeline", asked, prices)).values()
    assert day == pytest.approx((DEAR + CHEAP + BELOW + SECOND, 15), rel=1e-15)


def _view(used: MadeMachine, name: ViewName, asked: str, prices: Prices, **more: Any) -> View:
    if asked == "filter":
        return used.answer(name, now=NOW, prices=prices, filters=Filters(models=("*",)), **more)
    return used.answer(name, asked, now=NOW, prices=prices, **more)  # type: ignore[arg-type]


def test_a_token_that_is_recorded_twice_is_paid_once(machine: MadeMachine, prices: Prices) -> None:
    """An old release recorded 20 reasoning tokens inside its 50 of output."""
    machine.tree.put_turn(
        message(session(), Tokens(output=50, reasoning=20), T0, 1, model="cheap", total=50, completed=T0 + 9)
    )
    machine.view("models")
    for accounting in ("recorded", "disjoint"):
        (found,) = rows_of(machine.answer("models", now=NOW, prices=prices, accounting=accounting)).values()
        # 30 at 1 dollar and 20 at 2 for a million tokens
        assert found == (0.00007, 0), accounting


def test_every_form_shows_it_and_names_the_models_without_a_price(used: MadeMachine, prices: Prices) -> None:
    view = used.answer("models", now=NOW, prices=prices)
    (of_unknown,) = (row for row in csv.DictReader(io.StringIO(as_csv(view))) if row["key"] == "p/unknown")
    assert (of_unknown["api_equivalent_usd"], of_unknown["tokens_without_price"]) == ("", "15")
    for text in ("\n".join(drawn(view_table(view), 80)), as_markdown([view]), as_html([view])):
        flat = " ".join(text.split())
        assert "API-equiv." in flat
        assert "1 model has no price" in flat
        assert "p/unknown (15 tokens)" in flat
        assert "no price" in flat
        assert "3.0031+" in flat


def test_without_prices_nothing_is_said_of_them(used: MadeMachine) -> None:
    view = used.answer("models", now=NOW)
    assert "API" not in "\n".join(drawn(view_table(view), 200))
    assert "prices" not in document(view)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[price]]\nmodel = "a"\ninput = 1\noutput = -2', "line 4: output: must be from 0"),
        ('[[price]]\nmodel = "a"\ninput = 1\noutput = 1\n\n[[price]]\nmodel = "b"\ninput = "3"\noutput = 1', "line 8: input: must be a number"),
        ('[[price]]\nmodel = "a"\ninput = 1\noutput = 1e-10', "line 4: output: has more than 9 decimals"),
        ('[[price]]\nmodel = "a"\ninput = nan\noutput = 1', "line 3: input: must be from 0"),
        ('[[price]]\nmodel = "a"\ninput = 1', "line 1: a price needs output"),
        ('[[price]]\nmodel = "a"\ninput = 1\noutput = 1\ncached = 1', "line 5: cached: is no part of a price"),
        ("price = [{model = 'a', input = true, output = 1}]", "price 1: input: must be a number"),
        ("[[price]]\nmodel = \ninput = 1", "is not TOML: Invalid value (at line 2"),
        ("[price]\nmodel = 'a'", "there may be only tables [[price]] in it"),
        ("[[prices]]\nmodel = 'a'", "there may be only tables [[price]] in it"),
        ('[[price]]\nmodel = "a"\ninput = 1e-99999999\noutput = 1', "line 3: input: has more than 9 decimals"),
        (f"[[price]]\ninput = 1{'0' * 5_000}", "one of its numbers is too large"),
        ("[[price]]\ninput = 1e9999999999999999999", "one of its numbers is too large"),
        ("price = " + "[" * 5_000, "is not TOML"),
        ("#" * 2**21, "more than a megabyte, so it is no file of prices. Set prices_file to another one."),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load_prices(file)
    assert str(refused.value).startswith("prices_file: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"price": {}}',
        '{"price": [1]}',
        '{"price": [{"model": "a", "input": NaN, "output": 1}]}',
        "1" * 5_000,
    ],
)
def test_json_that_cannot_be_used_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match="prices_file: "):
        load_prices(file)


def test_the_first_price_that_matches_counts_in_json_and_toml_alike(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text('{"price": [{"model": "a", "input": 0.1, "output": 0.2}, {"model": "*", "input": 9, "output": 9}]}')
    found = load_prices(file)
    # 0.1 and 0.2 dollars for a million each: 0.3 dollars, which no float is.
    assert found.amount("x", "A", ModelTokens(1_000_000, 1_000_000)) == 3 * 10**14
    assert found.amount("x", "b", ModelTokens(1)) == 9 * 10**9


def test_the_sample_file_can_be_used() -> None:
    assert (
        load_prices(ROOT / "config" / "prices.toml").amount("anthropic", "claude-sonnet-4-5", ModelTokens(1))
        == 3 * 10**9
    )


def test_the_command_uses_the_setting_and_ends_with_2_for_a_file_that_is_not_there(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    run = shell.run("summary", "models", OTEL_AGENT_PRICES_FILE="/nowhere/prices.toml")
    assert (run.returncode, run.stdout) == (2, "")
    assert "prices_file: cannot read /nowhere/prices.toml" in run.stderr
    (tmp_path / "p.toml").write_text(FILE)
    found = json.loads(shell.output("summary", "models", "--json", OTEL_AGENT_PRICES_FILE=str(tmp_path / "p.toml")))
    assert found["prices"]["file"] == str(tmp_path / "p.toml")
