"""The colours of the first picture as plain values, also those of a theme that has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.theme import Theme

from otel_agent.summary.live.app import Live
from otel_agent.summary.live.choices import Choices, keep, kept_choices
from otel_agent.summary.live.palette import Palette, painted
from otel_agent.summary.live.theme_colours import palette_of
from tests.summary.live.driving import Screen, drive, press, seen, settled
from tests.summary.live.made_source import ASK, MadeSource

COLOURS = Palette(text="#64c832", back="#000000", cyan="#010203", yellow="#040506", red="#070809")


def drawn(style: Style | None, palette: Palette | None = COLOURS) -> Style | None:
    ((_, found, _),) = painted([Segment("text", style)], palette)
    return found


@pytest.mark.parametrize(
    ("style", "fore", "back"),
    [
        (None, "#64c832", "#000000"),
        (Style(bold=True), "#64c832", "#000000"),
        (Style(color="cyan"), "#010203", "#000000"),
        (Style(color="yellow"), "#040506", "#000000"),
        (Style(color="red", bgcolor="#ffffff"), "#070809", "#ffffff"),
        (Style(color="#aabbcc"), "#aabbcc", "#000000"),
        # 66 % of the way from the background: 100, 200 and 50 of black, and the rest of white.
        (Style(dim=True), "#428421", "#000000"),
        (Style(dim=True, color="#000000", bgcolor="#ffffff"), "#565656", "#ffffff"),
        # The terminal's own colour has no numbers to mix.
        (Style(dim=True, color="default"), "default", "#000000"),
    ],
    ids=str,
)
def test_letters_have_the_colours_of_the_palette(style: Style | None, fore: str, back: str) -> None:
    found = drawn(style)
    assert found is not None
    assert found.color is not None
    assert found.bgcolor is not None
    assert (found.color.name, found.bgcolor.name) == (fore, back)
    assert not found.dim
    assert found.bold == (style.bold if style else None)


def test_without_a_palette_letters_have_no_colours() -> None:
    assert drawn(Style(color="red", bgcolor="#ffffff", bold=True), None) == Style(bold=True)
    assert drawn(Style(dim=True), None) == Style(dim=True)


def test_every_theme_has_colours_or_is_the_terminals_own(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        for name in sorted(app.available_themes):
            app.theme = name
            await settled(pilot, app)
            palette = palette_of(app)
            assert (palette is None) == name.startswith("ansi-"), name

    drive(source, ASK, steps)


@pytest.mark.parametrize("colour", ["auto 87%", "ansi_blue"])
def test_a_theme_whose_colour_has_no_numbers_is_kept_without_a_palette(
    colour: str, source: MadeSource, tmp_path: Path
) -> None:
    """The first picture is left out then. The screen itself has the theme, and goes on."""

    async def steps(pilot: Screen, app: Live) -> None:
        app.register_theme(Theme(name="odd", primary="#112233", variables={"text-accent": colour}))
        app.theme = "odd"
        await settled(pilot, app)
        app.keep_palette()
        assert palette_of(app) is None
        await press(pilot, app, "4")
        assert "Models, 3 rows" in seen(app)

    drive(source, ASK, steps, folder=tmp_path)
    assert kept_choices(tmp_path) == Choices(theme="odd", palette=None)


def test_a_palette_that_is_kept_is_read_as_it_was(tmp_path: Path) -> None:
    kept = Choices(theme="nord", palette=COLOURS, flash=False)
    keep(kept, tmp_path / "new")
    assert kept_choices(tmp_path / "new") == kept
