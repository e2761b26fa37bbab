"""A project's row leads to exactly the messages that it counts, whatever other folders are called."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from otel_agent.summary.live.crumbs import Crumb
from otel_agent.summary.question import Filters, Question
from otel_agent.summary.ranges import named_range
from otel_agent.summary.view import Row, View, ViewName
from tests.summary.made_machine import MadeMachine
from tests.support.made_stores import GLOBAL, T0, Project, Tokens, message, session

NOW = datetime.fromtimestamp(T0 / 1000, UTC) + timedelta(hours=1)
SHOP = "/home/dev/shop"
PLACES = (
    (Project(worktree=SHOP), SHOP, 1),
    (Project(worktree=SHOP), f"{SHOP}/till", 2),
    (GLOBAL, SHOP, 4),
    (Project(worktree=""), SHOP, 8),
    (GLOBAL, f"{SHOP}/till", 16),
    (GLOBAL, "", 32),
    (Project(worktree="/home/dev/Shop"), "/home/dev/Shop", 64),
    (Project(worktree=f"{SHOP}/"), f"{SHOP}/", 128),
    (Project(worktree="/srv/[shop]"), "/srv/[shop]", 256),
    (Project(worktree="/srv/s"), "/srv/s", 512),
    (Project(worktree="shop"), "shop", 1_024),
)
"""Worktree, directory, and the tokens that were used there: each sum says from which of them it comes."""


@pytest.fixture
def places(machine: MadeMachine) -> MadeMachine:
    for number, (project, directory, tokens) in enumerate(PLACES, 1):
        at = T0 + number * 1_000
        of = session(at, number, project=Project(f"{number:040x}", project.worktree), directory=directory)
        machine.tree.put_turn(message(of, Tokens(tokens), at, number))
    machine.view("projects", now=NOW)
    return machine


def asked(separate: bool, *globs: str) -> Question:
    return Question(
        range=named_range("all", NOW), separate_global=separate, filters=Filters(projects=globs), with_trend=True
    )


def view(machine: MadeMachine, name: ViewName, question: Question) -> View:
    fields = {field: getattr(question, field) for field in question.__struct_fields__}
    return machine.answer(name, now=NOW, **fields)


def into(machine: MadeMachine, row: Row, name: ViewName, question: Question) -> View:
    crumb = Crumb("projects").into(row, name)
    assert crumb is not None
    return view(machine, name, crumb.narrowed(question))


@pytest.mark.parametrize("globs", [(), (SHOP,), ("shop", "till"), ("(global)",)], ids=" ".join)
@pytest.mark.parametrize("separate", [False, True], ids=["", "separate"])
def test_a_row_leads_to_what_it_counts(places: MadeMachine, separate: bool, globs: tuple[str, ...]) -> None:
    question = asked(separate, *globs)
    projects = view(places, "projects", question)
    assert projects.rows
    for row in projects.rows:
        sessions, models = (into(places, row, name, question) for name in ("sessions", "models"))
        assert sessions.totals == models.totals == row.usage, row.key
        assert sum(each.usage.tokens.total for each in sessions.rows) == row.usage.tokens.total


def test_the_rows_are_those_of_their_folders(places: MadeMachine) -> None:
    found = {row.key: row.usage.tokens.total for row in view(places, "projects", asked(separate=True)).rows}
    assert found == {
        SHOP: 3,
        f"(global) {SHOP}": 12,
        f"(global) {SHOP}/till": 16,
        "(global)": 32,
        "/home/dev/Shop": 64,
        f"{SHOP}/": 128,
        "/srv/[shop]": 256,
        "/srv/s": 512,
        "shop": 1_024,
    }


def test_a_chosen_row_is_named_as_one_asks_for_it(places: MadeMachine) -> None:
    (row,) = (each for each in view(places, "projects", asked(separate=False)).rows if each.key == "/srv/[shop]")
    found = into(places, row, "sessions", asked(False, "/srv/*"))
    assert found.question.filters.by_kind["project"] == ("/srv/[[]shop]",)
