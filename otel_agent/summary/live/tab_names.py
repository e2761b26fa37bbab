"""What is written on the tabs of the live screen, and on its line of keys."""

from typing import Final

from otel_agent.summary.live.style import FEW_COLUMNS
from otel_agent.summary.view import VIEW_NAMES, ViewName

KEYS_SHOWN: Final = {
    "t": "Today",
    "w": "Week",
    "m": "Month",
    "a": "All",
    "s": "Sort",
    "/": "Filter",
    "?": "Help",
    "q": "Quit",
}
"""The keys of the line at the bottom, in their order, and what is said of each."""


def tab_names(width: int) -> dict[ViewName, str]:
    """Return the name of each tab, with the key that opens it if a screen so wide has room."""
    numbered = width >= FEW_COLUMNS
    return {view: f"{number} {view.title()}" if numbered else view.title() for number, view in enumerate(VIEW_NAMES, 1)}
