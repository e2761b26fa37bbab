"""Opens the live screen: first a picture of it, then Textual, which takes longer to import than to draw."""

import os
import shutil
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console

from otel_agent.errors import OtelAgentError
from otel_agent.summary.live.choices import Choices, kept_choices
from otel_agent.summary.live.crumbs import Trail
from otel_agent.summary.live.early import Early, may_show
from otel_agent.summary.live.hangup import end_with
from otel_agent.summary.live.palette import Palette
from otel_agent.summary.live.picture import picture
from otel_agent.summary.live.source import Ask, Source
from otel_agent.summary.view import View, ViewName


def run_live(source: Source, ask: Ask, view: ViewName, folder: Path) -> None:
    """Show the screen until a person quits. What they choose is kept in ``folder``."""
    with Early() as early:
        first = None
        if may_show(os.environ):
            end_with(sys.__stdin__)
            first = _shown_first(source, ask, view, folder, early)
        # These imports are what a person would wait for.
        from otel_agent.summary.live.app import Live  # noqa: PLC0415

        going_on = None
        if early.is_shown:
            from otel_agent.summary.live.driver import GoingOn  # noqa: PLC0415

            going_on = GoingOn(early)
        Live(source, ask, view, folder, first=first, going_on=going_on).run()


def _shown_first(source: Source, ask: Ask, view: ViewName, folder: Path, early: Early) -> View | None:
    """Show the first answer, and return it; ``None`` if there is none, and then nothing is shown."""
    try:
        first = source.view(view, Trail(view).question(ask))
    except OtelAgentError:
        return None  # the screen asks again, and says what is wrong
    choices = kept_choices(folder)
    has_colour = not os.environ.get("NO_COLOR")
    palette = _palette(choices) if has_colour else None
    if palette is not None or not has_colour:
        console = _terminal()
        lines = picture(first, console.width, console.height, palette, console)
        if lines is not None:
            early.show(lines, console)
    return first


def _palette(choices: Choices) -> Palette | None:
    """Return the colours of the theme that was chosen; ``None`` if they are not known."""
    if choices.theme:
        return choices.palette
    return None if "TEXTUAL_THEME" in os.environ else Palette()


def _terminal() -> Console:
    """Return the abilities of the terminal, found out as Textual does."""
    environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    columns, lines = shutil.get_terminal_size()
    return Console(
        color_system=os.environ.get("TEXTUAL_COLOR_SYSTEM", "auto"),  # type: ignore[arg-type]
        file=StringIO(),
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
        force_terminal=True,
        width=columns,
        height=lines,
        _environ=environ,
    )
