"""The first picture, which Rich draws alone, has each letter and each colour of the screen that Textual draws."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console
from rich.segment import Segment
from rich.style import Style

from otel_agent.ledger.reading import NOT_BEGUN
from otel_agent.summary.live.app import Live
from otel_agent.summary.live.choices import kept_choices
from otel_agent.summary.live.listing import list_rows
from otel_agent.summary.live.palette import Palette
from otel_agent.summary.live.picture import picture
from otel_agent.summary.view import BudgetState, View, ViewName
from tests.summary.live.driving import Screen, drive, settled
from tests.summary.live.made_source import ASK, MadeSource, put, running
from tests.summary.made_machine import MadeMachine

Cell = tuple[str, str | None, str | None, bool, bool, bool]
SIZES = [(60, 20), (79, 23), (80, 24), (100, 29), (100, 30), (100, 35), (100, 45), (110, 30), (121, 37), (200, 37)]
"""On both sides of each size at which the screen is another one. From 38 lines on a map of days comes later."""


def cells(line: list[Segment]) -> list[Cell]:
    """Return the letters of a line with all that a person sees of their style."""
    found = []
    for text, style, _ in line:
        of = style or Style()
        front, back = (None if each is None or each.is_default else each.name for each in (of.color, of.bgcolor))
        for letter in text:
            inked = letter != " " or bool(of.reverse)
            seen = (inked and bool(of.bold), bool(of.reverse), inked and bool(of.dim))
            found.append((letter, front if inked else None, back, *seen))
    return found


def by_textual(app: Live) -> list[list[Cell]]:
    return [cells(list(strip)) for strip in app.screen._compositor.render_strips(app.size)]


def by_rich(view: View, app: Live, palette: Palette | None) -> list[list[Cell]] | None:
    width, height = app.size
    console = Console(width=width, height=height, file=StringIO(), force_terminal=True, color_system="truecolor")
    lines = picture(view, width, height, palette, console)
    return None if lines is None else [cells(line) for line in lines]


def same(ours: list[list[Cell]] | None, theirs: list[list[Cell]]) -> None:
    """Compare line by line, and name the first cell that differs."""
    assert ours is not None
    assert len(ours) == len(theirs)
    for number, (our, their) in enumerate(zip(ours, theirs, strict=True)):
        assert "".join(cell[0] for cell in our) == "".join(cell[0] for cell in their), number
        assert [(number, *pair) for pair in zip(our, their, strict=True) if pair[0] != pair[1]][:1] == []


def compared(
    source: MadeSource, name: ViewName, size: tuple[int, int], palette: Palette | None, folder: Path | None = None
) -> None:
    """Compare the picture of the first answer with the screen."""

    async def steps(pilot: Screen, app: Live) -> None:
        assert app._shown is not None
        same(by_rich(app._shown, app, palette), by_textual(app))

    drive(source, ASK, steps, name, size, folder)


@pytest.fixture
def busy(source: MadeSource, machine: MadeMachine) -> MadeSource:
    """Many sessions, so that a list scrolls, and two processes."""
    for number in range(10, 60):
        put(machine, number, 100 * number, minutes=number, model=f"model-{number % 3}", title=f"日本語 {number}")
    source.caught_up()
    source.running = [running(7, "/home/dev/app"), running(8, "/home/dev/" + "long/" * 30)]
    return source


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", ["overview", "sessions", "timeline"])
def test_the_picture_is_the_screen_that_comes(name: ViewName, size: tuple[int, int], busy: MadeSource) -> None:
    compared(busy, name, size, Palette())


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "nord", "solarized-dark"])
def test_the_picture_has_the_colours_of_the_theme_that_was_kept(theme: str, busy: MadeSource, tmp_path: Path) -> None:
    async def choose(pilot: Screen, app: Live) -> None:
        app.theme = "gruvbox"
        await settled(pilot, app)
        app.theme = theme
        await settled(pilot, app)

    drive(busy, ASK, choose, folder=tmp_path)
    palette = kept_choices(tmp_path).palette
    assert palette is not None
    compared(busy, "sessions", (100, 30), palette, tmp_path)


@pytest.mark.parametrize("name", ["overview", "sessions"])
def test_without_colours_the_picture_has_none_either(
    name: ViewName, busy: MadeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    compared(busy, name, (100, 30), None)


def test_history_that_is_still_read_and_a_budget_are_in_the_picture_too(busy: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        assert app._shown is not None
        now = app._shown.now
        budget = BudgetState(
            name="team", per="day", of_cost=False, limit=1_000, used=1_200, since=now, until=now, reached=now
        )
        view = replace(app._shown, reading=NOT_BEGUN, budgets=(budget,))
        app._show_listing(list_rows(view, app.size.width))
        await settled(pilot, app)
        drawn = by_textual(app)
        same(by_rich(view, app, Palette()), drawn)
        text = ["".join(letter for letter, *_ in line) for line in drawn]
        assert any("so far" in line for line in text)
        assert any("team a day" in line for line in text)

    drive(busy, ASK, steps, size=(100, 45))


@pytest.mark.parametrize("size", [(59, 30), (100, 15)], ids=str)
def test_a_screen_that_would_be_cut_has_no_picture(size: tuple[int, int], busy: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        assert app._shown is not None
        assert by_rich(app._shown, app, Palette()) is None

    drive(busy, ASK, steps, size=size)


@pytest.mark.parametrize("name", ["overview", "sessions", "timeline"])
@pytest.mark.parametrize("size", [(60, 20), (100, 30)], ids=str)
def test_an_answer_from_before_the_screen_is_shown_like_its_own(
    name: ViewName, size: tuple[int, int], busy: MadeSource
) -> None:
    seen: list[list[list[Cell]]] = []

    async def steps(pilot: Screen, app: Live) -> None:
        seen.append(by_textual(app))

    asked = drive(busy, ASK, steps, name, size)
    assert asked._shown is not None
    drive(busy, ASK, steps, name, size, first=asked._shown)
    same(seen[1], seen[0])
