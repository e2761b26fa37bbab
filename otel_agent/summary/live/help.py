"""The help of the live screen: a box that lists the keys."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from otel_agent.summary.live.keys import ROW_KEYS, SCREEN_KEYS, key_lines


class Help(ModalScreen[None]):
    """Lies over the screen until a key closes it."""

    CSS = """
    Help { align: center middle; }
    #keys { width: auto; max-width: 100%; height: auto; max-height: 100%; border: round $accent; padding: 1 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss(None)", "Close"),
        Binding("tab,shift+tab", "dismiss(None)", priority=True, show=False),
    ]

    def compose(self) -> ComposeResult:
        """Draw the box."""
        yield Static(Text(help_text()), id="keys")


def help_text() -> str:
    """Return one line for the keys that belong together, with what they do."""
    lines = key_lines([*SCREEN_KEYS, *ROW_KEYS])
    width = max(len(keys) for keys, _ in lines)
    table = "\n".join(f"{keys.ljust(width)}  {does}" for keys, does in lines)
    return f"{table}\n\nThe numbers update by themselves. Escape closes this help."
