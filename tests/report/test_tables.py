"""The overview as a person sees it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len

from otel_agent.report.tables import no_data, overview_table
from tests.made_stores import GLOBAL, PERSONA, T0, Project, Tokens, message, session
from tests.report.conftest import Machine, drawn

DRAWN = Path(__file__).parent / "drawn"
NOON = datetime(2026, 11, 22, 12, 12, tzinfo=ZoneInfo("Europe/Berlin"))
"""A few minutes after the last message of either store."""
CATEGORIES = ("Input", "Output", "Reasoning", "Cache read", "Cache write")
AT_T0 = datetime.fromtimestamp(T0 / 1000 + 60, UTC)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("store", ["json-1.1.27", "sqlite-1.18.33-fork"])
def test_line_by_line(store: str, columns: int, machine: Machine) -> None:
    machine.has(store)
    expected = (DRAWN / f"{store}.{columns}.txt").read_text(encoding="utf-8").splitlines()
    assert drawn(overview_table(machine.overview(now=NOON)), columns) == expected


@pytest.mark.parametrize("columns", [80, 120])
def test_no_number_is_cut(columns: int, machine: Machine) -> None:
    large = Tokens(*[123_456_789_012] * 5)
    of = session(title="A title that is much longer than the column it has to fit into " * 3)
    machine.tree.put_turn(message(of, large, model="a-model-with-a-name-" * 5, cost=12_345.25))
    lines = drawn(overview_table(machine.overview(now=AT_T0)), columns)
    assert max(map(cell_len, lines)) <= columns
    text = "\n".join(lines)
    assert all(re.search(rf"^{kind} +123,456,789,012 ", text, re.MULTILINE) for kind in CATEGORIES)
    assert len(re.findall(r" 617,283,945,060( |$)", text, re.MULTILINE)) == 3, "total, model and session"
    assert "12,345.2500 USD" in text


TITLES = {
    "escape": "\x1b[31mred\x1b]0;title\x07",
    "c1": "\x9b31mred",
    "markup": "[bold red]x[/bold red] [link=http://x]y[/link]",
    "emoji code": ":warning:",
    "cjk": "日本語のタイトルはとても長いので切れる" * 3,
    "emoji": "👩‍👩‍👧 🇩🇪 ❤️" * 9,
    "bidi": "\u202eabc\u2066",
    "lines": "one\ntwo\rthree\tfour",
    "combining": "e\u0301" * 40,
}


@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES)
def test_text_from_storage_is_only_shown(title: str, machine: Machine) -> None:
    """It reaches neither the terminal as a command nor Rich as markup, and leaves the columns where they are."""
    project = Project(worktree=f"/home/dev/{title.replace('/', '')}")
    for number, each in enumerate([title, "plain"]):
        of = session(title=each, counter=number, project=project, directory=project.worktree)
        machine.tree.put_turn(message(of, Tokens(input=7), at=T0 + number, counter=number, model=each))
    lines = drawn(overview_table(machine.overview(now=AT_T0)))
    assert all(letter.isprintable() for line in lines for letter in line)
    ends = [cell_len(line) for line in lines if line.endswith(" 7")]
    assert ends == [80, 80]


@pytest.mark.parametrize("title", [TITLES["markup"], TITLES["emoji code"]])
def test_markup_is_shown_as_it_is(title: str, machine: Machine) -> None:
    machine.tree.put_turn(message(session(title=title), Tokens(input=7), model=title))
    lines = drawn(overview_table(machine.overview(now=AT_T0)), 200)
    assert len([line for line in lines if title in line]) == 2


def test_what_overlaps_is_a_footnote_until_it_is_left_out(machine: Machine) -> None:
    machine.has("opencode-0.5.x")
    recorded = drawn(overview_table(machine.overview("all", "recorded")), 120)
    disjoint = drawn(overview_table(machine.overview("all", "disjoint")), 120)
    assert any("57,279 of these tokens stand in two categories" in line for line in recorded)
    assert not any("categories" in line for line in disjoint)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=23), "23 h"),
        (timedelta(days=400), "400 d"),
    ],
)
def test_the_age_of_the_newest_message(age: timedelta, words: str, machine: Machine) -> None:
    machine.tree.put_turn(message(session(), Tokens(input=1), completed=T0))
    now = datetime.fromtimestamp(T0 / 1000, UTC) + age
    assert drawn(overview_table(machine.overview(now=now)))[-1] == f"Newest message: {words} ago."


def test_a_day_without_messages_says_so(machine: Machine) -> None:
    machine.tree.put_turn(message(session(), Tokens(input=1), completed=T0))
    now = datetime.fromtimestamp(T0 / 1000, UTC) + timedelta(days=2)
    assert drawn(overview_table(machine.overview("today", now=now))) == [
        "No completed messages today; --range all shows those before.",
        "",
        "Newest message: 2 d ago.",
    ]


def test_home_is_a_tilde(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/dev")
    for number, directory in enumerate(["/home/dev/a", "/home/developer/b", "/home/dev"]):
        of = session(counter=number, directory=directory, project=GLOBAL)
        machine.tree.put_turn(message(of, Tokens(input=1), at=T0 + number, counter=number))
    lines = drawn(overview_table(machine.overview(now=AT_T0)))
    shown = [line.split()[-3] for line in lines if line.startswith("Rename the parser")]
    assert shown == ["~", "/home/developer/b", "~/a"]


def test_the_project_of_a_session_is_its_worktree(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the session's file is gone, or its directory was never written down."""
    monkeypatch.setenv("HOME", "/home/dev")
    of = session(directory=f"{PERSONA}/deep/below")
    machine.tree.put_turn(message(of, Tokens(input=1), at=T0))
    lines = drawn(overview_table(machine.overview(now=AT_T0)))
    assert [line.split()[-3] for line in lines if line.startswith("Rename the parser")] == ["~/projects/persona"]


def test_no_data_says_where_it_looked() -> None:
    assert drawn(no_data([Path("/home/[bold]/opencode"), Path("/x")]))[:3] == [
        "No data available. Looked in:",
        "  /home/[bold]/opencode",
        "  /x",
    ]
