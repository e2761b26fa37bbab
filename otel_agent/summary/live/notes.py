"""All warnings and notes of a view, in a box over the screen."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static


class Notes(ModalScreen[None]):
    """Lies over the screen until a key closes it."""

    CSS = """
    Notes { align: center middle; }
    #notes { width: 90%; max-width: 110; height: auto; max-height: 90%; border: round $accent; padding: 1 2; }
    #notes Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,exclamation_mark,q,enter", "dismiss(None)", "Close"),
        Binding("tab,shift+tab", "dismiss(None)", priority=True, show=False),
    ]

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__()
        self._sentences = sentences

    def compose(self) -> ComposeResult:
        """Draw the box."""
        with VerticalScroll(id="notes"):
            yield Static(Text("\n\n".join(self._sentences) or "Nothing to say about these numbers."))
