"""The boxes that lie over the live screen until a key closes them: the help, and all notes on the numbers."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from otel_agent.summary.live.keys import ROW_KEYS, SCREEN_KEYS, key_lines

_NO_NOTES = "Nothing to say about these numbers."


class Box(ModalScreen[None]):
    """A text in a frame. It scrolls if the screen is too small for it."""

    CSS = """
    Box { align: center middle; }
    Box VerticalScroll { width: auto; max-width: 100%; height: auto; max-height: 100%; border: round $accent;
      border-title-color: $text-accent; border-title-style: bold; padding: 0 2; background: $surface; }
    Box Static { width: auto; max-width: 100%; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,exclamation_mark,q,enter", "dismiss(None)", "Close"),
        Binding("j", "scroll('down')", show=False),
        Binding("k", "scroll('up')", show=False),
        Binding("tab,shift+tab", "dismiss(None)", priority=True, show=False),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        """Draw the box."""
        with VerticalScroll() as frame:
            frame.border_title = self._title
            yield Static(Text(self._text))
        # The screen below has other keys, and its line of them would be read as those of the box.
        yield Footer(show_command_palette=False, compact=True)

    def action_scroll(self, direction: str) -> None:
        """Scroll by a line."""
        frame = self.query_one(VerticalScroll)
        frame.scroll_relative(y=1 if direction == "down" else -1, animate=False)


def help_box() -> Box:
    """Return the help: one line for the keys that belong together, with what they do."""
    lines = key_lines([*SCREEN_KEYS, *ROW_KEYS])
    width = max(len(keys) for keys, _ in lines)
    table = "\n".join(f"{keys.ljust(width)}  {does}" for keys, does in lines)
    return Box("Keys", f"{table}\n\nThe numbers update by themselves. Escape closes this help.")


def notes_box(sentences: Sequence[str]) -> Box:
    """Return all warnings and notes of a view."""
    return Box("Notes", "\n\n".join(sentences) or _NO_NOTES)
