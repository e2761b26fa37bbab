"""What is above the rows of an overview: a panel with the processes, one with the tokens, one with active sessions."""

from typing import Final, NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from otel_agent.summary.live.lines import flowed
from otel_agent.summary.live.style import SHORT, WIDE
from otel_agent.summary.text import words
from otel_agent.summary.text.captions import nothing_in
from otel_agent.summary.text.overview import active_table, budget_table, category_table, process_table, sums_line
from otel_agent.summary.text.overview_rows import ACTIVE_SESSIONS, NO_PROCESS
from otel_agent.summary.view import Activity, View, shown

_MOST_PROCESSES: Final = 4
"""Processes on a screen of few lines. The panel's title says how many there are."""
_BESIDE_BARS: Final = 23
"""Columns of a line of the categories that are neither number nor bar: name, share, and gaps."""
_WIDEST_BAR: Final = 20
_EDGES: Final = 5
"""Columns of a panel beside what it shows, and one that is left blank."""


class Panel(NamedTuple):
    """A panel: its title, and what it shows."""

    title: str
    content: RenderableType


def processes_of(view: View, activity: Activity, height: int) -> Panel:
    """Return the panel of the running processes, for a screen so many lines high."""
    running = activity.processes
    return Panel(words.running(len(running)), processes_panel(view, activity, short=height < SHORT))


def tokens_of(view: View, width: int, height: int) -> Panel:
    """Return the panel of the tokens, for a screen of this size."""
    content = tokens_panel(view, panel_columns(width, 2), short=height < SHORT)
    return Panel(f"Tokens, {words.short_range(view.range)}", content)


def active_of(view: View, activity: Activity, height: int) -> Panel | None:
    """Return the panel of the active sessions; ``None`` if there are none, or a screen has no room for them."""
    if not activity.sessions or height < SHORT:
        return None
    return Panel(ACTIVE_SESSIONS, active_table(view, activity))


def panel_columns(width: int, beside: int) -> int:
    """Return the columns inside a panel, if on a wide screen so many are beside each other."""
    return width // (beside if width >= WIDE else 1) - _EDGES


def processes_panel(view: View, activity: Activity, *, short: bool) -> RenderableType:
    """Return the running processes; on a ``short`` screen the first of them."""
    kept = activity.processes[:_MOST_PROCESSES] if short else activity.processes
    if not kept:
        return Text(NO_PROCESS, style="dim")
    more = len(activity.processes) - len(kept)
    return Group(process_table(view, kept), *([Text(f"… and {more} more", style="dim")] if more else []))


def tokens_panel(view: View, width: int, *, short: bool) -> RenderableType:
    """Return the tokens by category, ``width`` columns wide; on a ``short`` screen without bars."""
    budgets = [budget_table(view)] if view.budgets else []
    if not view.totals.is_any:
        return Group(Text(nothing_in(view), style="dim"), *budgets)
    if not short:
        numbers = len(words.exact(view.total_of(view.totals)))
        return Group(
            category_table(view, max(min(width - _BESIDE_BARS - numbers, _WIDEST_BAR), 0)), sums_line(view), *budgets
        )
    tokens = shown(view.totals, view.accounting)
    parts = zip(words.CATEGORIES, tokens.by_category(), strict=True)
    pairs = (f"{name} {words.compact(number)}" for name, number in parts if number)
    return Group(Text(flowed(pairs, "  ", width)), sums_line(view), *budgets)
