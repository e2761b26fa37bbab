"""A name may have the letters that a glob is made of. Whoever asks for it as it is gets it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from otel_agent.errors import NothingFound
from otel_agent.ledger.queries import open_to_read
from otel_agent.model import Tokens as ModelTokens
from otel_agent.summary.price_file import load_prices
from otel_agent.summary.question import Filters
from otel_agent.summary.session_detail import session_named
from tests.summary.made_machine import MadeMachine
from tests.support.made_stores import T0, Project, Tokens, message, session

NOW = datetime.fromtimestamp(T0 / 1000 + 60, UTC)
RED = Project("b" * 40, "/home/dev/[red]brackets")
PLAIN = Project("c" * 40, "/home/dev/plain")


@pytest.fixture
def odd(machine: MadeMachine) -> MadeMachine:
    """One session whose names all have brackets used 10 tokens, and one with plain names 1."""
    of = session(T0, 1, title="Mend [WIP] \\o/ *now*", project=RED, directory=RED.worktree)
    other = session(T0, 2, title="Mend it", project=PLAIN, directory=PLAIN.worktree)
    machine.tree.put_turn(message(of, Tokens(10), T0, 1, model="claude[1m]", provider="p", agent="[review]"))
    machine.tree.put_turn(message(other, Tokens(1), T0, 2, model="gpt", provider="p", agent="build"))
    return machine


@pytest.mark.parametrize(
    "filters",
    [
        Filters(projects=("/home/dev/[red]brackets",)),
        Filters(projects=("/home/dev/[RED]brackets/",)),
        Filters(projects=("[red]brackets",)),
        Filters(projects=("dev/[red]brackets",)),
        Filters(projects=("…v/[red]brackets",)),
        Filters(projects=(r"/home/dev/\[red\]brackets",)),
        Filters(projects=("/home/dev/[[]red]brackets",)),
        Filters(projects=("*[[]red]*",)),
        Filters(models=("claude[1m]",)),
        Filters(models=("p/Claude[1m]",)),
        Filters(models=(r"p/claude\[1m\]",)),
        Filters(agents=("[review]",)),
        Filters(agents=(r"\[review\]",)),
        Filters(sessions=("Mend [WIP] \\o/ *now*",)),
        Filters(sessions=(r"Mend\ \[WIP\]\ \\o/\ \*now\*",)),
    ],
)
def test_a_name_with_brackets_can_be_asked_for(filters: Filters, odd: MadeMachine) -> None:
    view = odd.view("sessions", now=NOW, filters=filters)
    assert view.totals.tokens.total == 10
    assert view.hints == ()


@pytest.mark.parametrize(
    ("filters", "tokens"),
    [
        (Filters(models=("[cg]*",)), 11),
        (Filters(models=("[!cp]*",)), 1),
        (Filters(agents=("[!a-c]*",)), 10),
        (Filters(projects=("[p]lain",)), 1),
        (Filters(sessions=("mend [!a-h]*",)), 11),
    ],
)
def test_brackets_are_still_a_choice_of_letters(filters: Filters, tokens: int, odd: MadeMachine) -> None:
    assert odd.view("sessions", now=NOW, filters=filters).totals.tokens.total == tokens


@pytest.mark.parametrize("title", ["Mend [WIP] \\o/ *now*", "mend [wip] \\o/ *now*", r"Mend\ \[WIP\]\ \\o/\ \*now\*"])
def test_a_session_is_found_by_a_title_with_brackets(title: str, odd: MadeMachine) -> None:
    odd.view("overview")
    with open_to_read(odd.state_dir) as ledger:
        assert ledger is not None
        assert ledger.session_facts()[session_named(title, ledger, list)].title == "Mend [WIP] \\o/ *now*"


def test_a_whole_title_means_that_session_alone(machine: MadeMachine) -> None:
    for number, title in enumerate(("Fix [a]", "Fix a", "Fix *"), 1):
        machine.tree.put_turn(message(session(T0, number, title=title), Tokens(1), T0, number))
    machine.view("overview")
    with open_to_read(machine.state_dir) as ledger:
        assert ledger is not None
        for title in ("Fix [a]", "Fix a", "Fix *"):
            assert ledger.session_facts()[session_named(title, ledger, list)].title == title
        with pytest.raises(NothingFound, match="2 sessions"):
            session_named("Fix [a*]", ledger, list)


def test_a_price_can_name_a_model_with_brackets(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text('[[price]]\nprovider = "[x]"\nmodel = "Claude[1m]"\ninput = 1\noutput = 1\n')
    prices = load_prices(file)
    assert prices.amount("[x]", "claude[1m]", ModelTokens(1)) == 10**9
    assert prices.amount("x", "claude1", ModelTokens(1)) == 10**9
    assert prices.amount("x", "claude[2m]", ModelTokens(1)) is None
