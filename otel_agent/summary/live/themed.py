"""The look of the live screen: its theme, without any colour if nobody wants one, and whether what changed flashes."""

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace
from textual.app import App, SystemCommand
from textual.screen import Screen
from textual.theme import Theme
from textual.widget import Widget
from textual.widgets import Footer, Static

from otel_agent.summary.live.choices import keep, kept_choices
from otel_agent.summary.live.theme_colours import palette_of

if TYPE_CHECKING:
    from otel_agent.summary.live.driver import GoingOn

_MOST_HELD_SECONDS: Final = 0.5
"""The first picture is drawn over after this, even if the screen is not complete …"""
_LOOK_SECONDS: Final = 0.01
"""… which is looked at so often until then."""
_WITHOUT_COLOUR: Final = "ansi-dark"
"""The theme that paints no background of its own."""
_UNWANTED: Final = ("Maximize", "Minimize")
"""Commands of Textual's palette that would leave a part of the screen alone on it."""


class Themed(App[None]):
    """An app that keeps the theme that was chosen with the command palette."""

    def __init__(self, folder: Path | None, going_on: "GoingOn | None" = None) -> None:
        """Choices are kept in ``folder``; nowhere if there is none. ``going_on`` has the first picture, if there is one."""
        # Textual only turns colours into greys, and paints these too, unless the terminal's own colours are used.
        plain = bool(os.environ.get("NO_COLOR"))
        super().__init__(going_on.driver if going_on else None, ansi_color=True if plain else None)
        self._going_on = going_on
        self._folder, self._choices = folder, kept_choices(folder)
        self.wants_motion = self.animation_level != "none"
        """False if nothing on the screen shall flash (``TEXTUAL_ANIMATIONS=none``)."""
        # The line below the tabs would glide, which takes more time than to show an answer.
        self.animation_level = "none"
        if plain:
            self.theme = _WITHOUT_COLOUR
        elif self._choices.theme in self.available_themes:
            self.theme = self._choices.theme

    def on_mount(self) -> None:
        """Keep each theme that is chosen from now on."""
        self.theme_changed_signal.subscribe(self, self._keep_theme)

    @property
    def flashes(self) -> bool:
        """True if what changed is marked for a moment."""
        return self._choices.flash and self.wants_motion

    def get_loading_widget(self) -> Widget:
        """Return a cover for what is awaited. Textual's own is drawn 16 times a second, and holds up the answer."""
        return Static("…", classes="awaited")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Return the commands of the palette."""
        yield from (command for command in super().get_system_commands(screen) if command.title not in _UNWANTED)
        yield SystemCommand(
            "Stop flashing" if self._choices.flash else "Flash what changed",
            "Mark numbers that changed for a moment, or do not",
            self._switch_flash,
        )

    def _keep_theme(self, theme: Theme) -> None:
        self._choices = replace(self._choices, theme=theme.name, palette=None)
        self._keep()
        self.call_after_refresh(self.keep_palette)

    def draw_over_picture(self, waited_s: float = 0.0) -> None:
        """Draw over the first picture once Textual made what it makes last: the mark below the tab, and the line of keys."""
        made = self.query_one(Footer).children and getattr(self.query_one("Underline"), "highlight_end", True)
        if not made and waited_s < _MOST_HELD_SECONDS:
            self.set_timer(_LOOK_SECONDS, partial(self.draw_over_picture, waited_s + _LOOK_SECONDS))
            return
        if self._going_on is not None:
            self._going_on.release()
            self.refresh()
        if made:
            self.keep_palette()  # another Textual may have other colours

    def keep_palette(self) -> None:
        """Keep the colours of a theme that was chosen, for the first picture of the next start."""
        if self._choices.theme and self._choices.theme == self.theme:
            palette = palette_of(self)
            if palette != self._choices.palette:
                self._choices = replace(self._choices, palette=palette)
                self._keep()

    def _switch_flash(self) -> None:
        self._choices = replace(self._choices, flash=not self._choices.flash)
        self._keep()

    def _keep(self) -> None:
        if self._folder is None:
            return
        try:
            keep(self._choices, self._folder)
        except OSError as error:
            self.notify(f"This is not kept: cannot write {self._folder}: {error.strerror}", markup=False)
