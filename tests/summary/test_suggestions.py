"""A glob that matches nothing is answered with what there is."""

from __future__ import annotations

import pytest

from otel_agent.summary.question import Filters
from tests.summary.made_machine import MadeMachine
from tests.support.made_stores import T0, Project, Tokens, message, session

SHOP = Project("b" * 40, "/work/src/shop")


@pytest.fixture
def filled(machine: MadeMachine) -> MadeMachine:
    of = session(title="Mend the till", project=SHOP)
    for counter, model in enumerate(("claude-sonnet-4-5", "gpt-5.2-codex"), 1):
        machine.tree.put_turn(
            message(of, Tokens(input=1), T0, counter, model=model, agent="build", provider="anthropic")
        )
    return machine


@pytest.mark.parametrize(
    ("filters", "hint"),
    [
        (
            Filters(models=("gpt",)),
            (
                "--model gpt matches no model, because a glob matches the whole name. Try --model '*gpt*': "
                "anthropic/gpt-5.2-codex."
            ),
        ),
        (
            Filters(models=("mistral",)),
            "--model mistral matches no model. There are: anthropic/claude-sonnet-4-5, anthropic/gpt-5.2-codex.",
        ),
        (Filters(agents=("biuld",)), "--agent biuld matches no agent. Did you mean: build."),
        (Filters(agents=("",)), "--agent '' is empty, so it matches no agent. There are: build."),
        (
            Filters(projects=("sho",)),
            "--project sho matches no project, because a glob matches the whole name. Try --project '*sho*': /work/src/shop.",
        ),
        (
            Filters(sessions=("till",)),
            (
                "--session till matches no session, because a glob matches the whole name. Try --session '*till*': "
                "Mend the till."
            ),
        ),
    ],
)
def test_a_hint_says_what_to_try(filters: Filters, hint: str, filled: MadeMachine) -> None:
    view = filled.view("models", filters=filters)
    assert not view.rows
    assert view.hints == (hint,)


@pytest.mark.parametrize(
    "filters",
    [
        Filters(models=("GPT-5*",)),
        Filters(models=("anthropic/gpt-5.2-codex",)),
        Filters(agents=("b*",)),
        Filters(projects=("shop",)),
        Filters(projects=("src/shop",)),
        Filters(projects=("/work/src/shop/",)),
        Filters(sessions=("mend*",)),
    ],
)
def test_what_matches_gets_no_hint(filters: Filters, filled: MadeMachine) -> None:
    view = filled.view("models", filters=filters)
    assert view.rows
    assert view.hints == ()


def test_a_glob_that_matches_outside_the_range_gets_no_hint(filled: MadeMachine) -> None:
    view = filled.view("models", "today", filters=Filters(models=("*codex",)))
    assert not view.rows
    assert view.hints == ()


def test_the_end_of_an_id_is_taken_as_tables_show_it(filled: MadeMachine) -> None:
    (row,) = filled.view("sessions").rows
    for shown in (row.key[-8:], f"…{row.key[-8:]}", row.key):
        assert [found.key for found in filled.view("sessions", filters=Filters(sessions=(shown,))).rows] == [row.key]


def test_without_any_message_there_is_nothing_to_suggest(machine: MadeMachine) -> None:
    assert machine.view("models", filters=Filters(models=("gpt",))).hints == ("--model gpt matches no model.",)
