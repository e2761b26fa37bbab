"""The keys of the live screen, each bound to an action. ``app.py`` and ``row_list.py`` perform the actions.

The help is made from these bindings, so that it cannot differ from them.

A binding's tooltip is its line in the help; keys with the same tooltip share a line.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from textual.binding import Binding, BindingType

from otel_agent.summary.live.tab_names import KEYS_SHOWN
from otel_agent.summary.view import VIEW_NAMES

_RANGES: Final = "range: today, last 7 days, last 30 days, all time"
SCREEN_KEYS: Final[list[BindingType]] = [
    *(
        Binding(str(number), f"open('{name}')", name.title(), show=False, tooltip=", ".join(VIEW_NAMES))
        for number, name in enumerate(VIEW_NAMES, 1)
    ),
    Binding("tab", "step(1)", "Next view", priority=True, show=False, tooltip="next view"),
    Binding("shift+tab", "step(-1)", "Previous view", priority=True, show=False, tooltip="previous view"),
    Binding("t", "range('today')", KEYS_SHOWN["t"], tooltip=_RANGES),
    Binding("w", "range('week')", KEYS_SHOWN["w"], tooltip=_RANGES),
    Binding("m", "range('month')", KEYS_SHOWN["m"], tooltip=_RANGES),
    Binding("a", "range('all')", KEYS_SHOWN["a"], tooltip=_RANGES),
    Binding("d", "go_into('timeline')", "Days", show=False, tooltip="days of the row, models of the row"),
    Binding("M", "go_into('models')", "Models", show=False, tooltip="days of the row, models of the row"),
    Binding("b", "by", "Step", show=False, tooltip="timeline by hour, day, week or month"),
    Binding("s", "sort", KEYS_SHOWN["s"], tooltip="sort by the next column"),
    Binding("exclamation_mark", "notes", "Notes", show=False, tooltip="all warnings and notes"),
    Binding("y", "copy", "Copy", show=False, tooltip="copy the id or name of the row, or the whole row"),
    Binding("Y", "copy_row", "Copy row", show=False, tooltip="copy the id or name of the row, or the whole row"),
    Binding("e", "export", "Export", show=False, tooltip="export what is shown to a file"),
    Binding("o", "open_session", "Open", show=False, tooltip="open the session in OpenCode"),
    Binding("K", "scroll_head(-1)", "Head up", show=False, tooltip="scroll what is above the rows"),
    Binding("J", "scroll_head(1)", "Head down", show=False, tooltip="scroll what is above the rows"),
    Binding("r", "refresh_now", "Refresh", show=False, tooltip="refresh now"),
    Binding("slash", "filter", KEYS_SHOWN["/"], tooltip="filter rows by name"),
    Binding("escape,backspace", "up_one", "Back", show=False, tooltip="go back, or end the filter"),
    Binding("ctrl+p", "command_palette", "Palette", show=False, tooltip="commands, among them the themes"),
    Binding("question_mark", "help", KEYS_SHOWN["?"], tooltip="show the keys"),
    Binding("q,ctrl+c", "quit", KEYS_SHOWN["q"], tooltip="quit"),
]
ROW_KEYS: Final[list[BindingType]] = [
    Binding("up,k", "move(-1)", "Up", show=False, tooltip="move by a row"),
    Binding("down,j", "move(1)", "Down", show=False, tooltip="move by a row"),
    Binding("pageup", "page(-1)", "Page up", show=False, tooltip="move by a page"),
    Binding("pagedown", "page(1)", "Page down", show=False, tooltip="move by a page"),
    Binding("home,g", "move(-1000000)", "First", show=False, tooltip="move to the first or last row"),
    Binding("end,G", "move(1000000)", "Last", show=False, tooltip="move to the first or last row"),
    Binding("enter", "choose", "Open", show=False, tooltip="open the row"),
]
_NAMES: Final = {
    "slash": "/",
    "question_mark": "?",
    "exclamation_mark": "!",
    "up": "↑",
    "down": "↓",
    "pageup": "PageUp",
    "pagedown": "PageDown",
}


def key_lines(bindings: Iterable[BindingType]) -> list[tuple[str, str]]:
    """Return what the help says: the names of keys that belong together, and what they do."""
    single = Binding.make_bindings(bindings)
    return [
        (" ".join(name_of_key(binding.key) for binding in together), does)
        for does, together in groupby(single, key=lambda binding: binding.tooltip)
    ]


def name_of_key(key: str) -> str:
    """Return a key as people write it, from Textual's name of it: ``Shift+Tab``, ``/``, ``q``."""
    return key if len(key) == 1 else "+".join(_NAMES.get(part, part.title()) for part in key.split("+"))
