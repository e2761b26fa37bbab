"""What the keys do."""

from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

_KEYS: Final = """\
1 … 6      overview, sessions, projects, models, agents, timeline
Tab        the next of them; Shift+Tab the one before
t w m a    today, the last 7 days, the last 30 days, all time
b          the timeline by hour, day, week or month
↑ ↓        move; also PageUp, PageDown, Home, End
Enter      what a row is made of; Escape goes back
/          only rows that have a text in their names
r          ask again now
q          leave; also Ctrl+C

Numbers follow by themselves. Escape closes this."""


class Help(ModalScreen[None]):
    CSS = """
    Help { align: center middle; }
    #keys { width: auto; max-width: 100%; height: auto; max-height: 100%; border: round $accent; padding: 1 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss(None)", "Close"),
        Binding("tab,shift+tab", "dismiss(None)", priority=True, show=False),
    ]

    def compose(self) -> ComposeResult:
        yield Static(Text(_KEYS), id="keys")
