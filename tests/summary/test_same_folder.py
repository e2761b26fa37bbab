"""A folder can be a project and, in other sessions, a directory outside any: then it is two rows, each with its own numbers."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from otel_agent.summary.formats.as_csv import as_csv
from otel_agent.summary.formats.as_json import as_json
from otel_agent.summary.price_file import load_prices
from otel_agent.summary.prices import Prices
from otel_agent.summary.question import Filters
from otel_agent.summary.text.tables import view_table
from otel_agent.summary.view import View
from tests.summary.made_machine import MadeMachine, drawn
from tests.support.made_stores import GLOBAL, T0, Project, Tokens, message, session
from tests.support.paths import ROOT

NOW = datetime.fromtimestamp(T0 / 1000, UTC) + timedelta(hours=1)
DAY_MS = 86_400_000
FOLDER = "/home/dev/shop"
OUTSIDE = f"(global) {FOLDER}"


@pytest.fixture
def shop(machine: MadeMachine) -> MadeMachine:
    """The project used 3 tokens yesterday and 10 today, the same folder outside any 50 and 200, a third of them unpriced."""
    project = Project(worktree=FOLDER)
    for number, (days, of, model, tokens) in enumerate(
        (
            (1, project, "priced", 3),
            (0, project, "priced", 10),
            (1, GLOBAL, "priced", 50),
            (0, GLOBAL, "priced", 120),
            (0, GLOBAL, "other", 80),
        ),
        1,
    ):
        at = T0 - days * DAY_MS
        where = session(at, number, project=of, directory=FOLDER)
        machine.tree.put_turn(message(where, Tokens(input=tokens), at, number, model=model, provider="p"))
    return machine


@pytest.fixture
def prices(tmp_path: Path) -> Prices:
    file = tmp_path / "prices.toml"
    file.write_text('[[price]]\nmodel = "priced"\ninput = 1000000\noutput = 1\n')
    return load_prices(file)


def asked(machine: MadeMachine, range_: Any = "today", **more: Any) -> View:
    return machine.view("projects", range_, now=NOW, separate_global=True, **more)


def objects(view: View) -> dict[str, dict[str, Any]]:
    found = json.loads(as_json([view]))
    jsonschema.validate(found, json.loads((ROOT / "docs" / "summary.schema.json").read_text()))
    rows = {row["key"]: row for row in found["rows"]}
    assert len(rows) == len(found["rows"])
    return rows


def test_each_row_is_compared_with_its_own_time_before(shop: MadeMachine) -> None:
    view = asked(shop, compared=True)
    rows = objects(view)
    numbers = {key: (row["tokens"]["total"], row["before"]["tokens"]["total"]) for key, row in rows.items()}
    assert numbers == {FOLDER: (10, 3), OUTSIDE: (200, 50)}
    assert view.before is not None
    assert view.before.totals.tokens.total == 53
    lines = [line.split(FOLDER)[1].split() for line in drawn(view_table(view), 140) if FOLDER in line]
    # Sessions, messages, tokens, difference and change: 200 - 50 and 10 - 3.
    assert [line[:5] for line in lines] == [["2", "2", "200", "+150", "+300.0%"], ["1", "1", "10", "+7", "+233.3%"]]


@pytest.mark.parametrize("range_", ["all", "today"])
def test_each_row_has_the_amount_of_its_own_usage(range_: str, shop: MadeMachine, prices: Prices) -> None:
    shop.view("models")
    view = shop.answer("projects", range_, now=NOW, prices=prices, separate_global=True)  # type: ignore[arg-type]
    rows = objects(view)
    before = (3, 50) if range_ == "all" else (0, 0)
    found = {key: (row["api_equivalent_usd"], row["tokens_without_price"]) for key, row in rows.items()}
    assert found == {FOLDER: (10 + before[0], 0), OUTSIDE: (120 + before[1], 80)}
    totals = json.loads(as_json([view]))["totals"]
    assert totals["api_equivalent_usd"] == sum(amount for amount, _ in found.values())
    assert totals["tokens_without_price"] == 80


def test_the_rows_are_told_apart_by_name(shop: MadeMachine) -> None:
    view = asked(shop, "all")
    assert {key: row["directory"] for key, row in objects(view).items()} == {FOLDER: FOLDER, OUTSIDE: FOLDER}
    assert [row["key"] for row in csv.DictReader(io.StringIO(as_csv(view)))] == [OUTSIDE, FOLDER]
    for columns in (44, 60, 140):
        lines = drawn(view_table(view), columns)
        assert [line.startswith("(global) ") for line in lines if "shop" in line] == [True, False], lines


def test_a_long_directory_outside_any_project_loses_its_beginning(machine: MadeMachine) -> None:
    where = session(project=GLOBAL, directory=f"/home/dev/{'x' * 80}/shop")
    machine.tree.put_turn(message(where, Tokens(input=1)))
    (line,) = (line for line in drawn(view_table(asked(machine, "all")), 60) if "shop" in line)
    assert line.startswith("(global) …x")
    assert "/shop " in line


def test_the_home_folder_in_a_name_is_a_tilde(machine: MadeMachine, tmp_path: Path) -> None:
    where = session(project=GLOBAL, directory=f"{tmp_path}/notes")
    machine.tree.put_turn(message(where, Tokens(input=1)))
    assert any(line.startswith("(global) ~/notes ") for line in drawn(view_table(asked(machine, "all")), 80))


@pytest.mark.parametrize(("glob", "tokens"), [(OUTSIDE, 250), (f"{OUTSIDE}/", 250), ("(global)", 250), (FOLDER, 263)])
def test_a_row_can_be_asked_for_by_its_name(glob: str, tokens: int, shop: MadeMachine) -> None:
    view = shop.view("models", now=NOW, filters=Filters(projects=(glob,)))
    assert view.totals.tokens.total == tokens
