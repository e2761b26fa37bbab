"""Bars that are made of letters."""

from collections.abc import Sequence
from typing import Final

from otel_agent.summary.view import View, ViewName

BARS: Final[frozenset[ViewName]] = frozenset({"overview", "projects", "agents", "models", "timeline"})
"""The views whose rows have bars."""
_HEIGHTS: Final = "▁▂▃▄▅▆▇█"


def bar(share: float, width: int) -> str:
    """Return a bar in eighths of a column, ``width`` columns for a share of 1.0. A share above 0 is always visible."""
    eighths = max(round(share * width * 8), 1 if share else 0)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def sparkline(numbers: Sequence[int], width: int) -> str:
    """Return a small bar for each number, the last ones if there are more than ``width``.

    The largest has the full height; a number above 0 is always seen, and 0 is a dot.
    """
    kept = numbers[-width:] if width > 0 else ()
    largest = max(kept, default=0)
    return "".join(_HEIGHTS[max(round(number / largest * 8), 1) - 1] if number > 0 else "·" for number in kept)


def whole_of(view: View) -> int:
    """Return the tokens that a bar of full width stands for; 0 if the view's rows have no bars.

    A bar is a row's share of the total. A day's share of a month would be too short to see, so days are compared with
    the largest one.
    """
    if view.name not in BARS:
        return 0
    if view.name == "timeline":
        return max((view.total_of(row.usage) for row in view.rows), default=0)
    return view.total_of(view.totals)
