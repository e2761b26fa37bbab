"""What is above the rows of an overview: a panel with the processes, one with the tokens, one with active sessions."""

from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from otel_agent.summary.live.lines import flowed
from otel_agent.summary.text import words
from otel_agent.summary.text.captions import nothing_in
from otel_agent.summary.text.overview import budget_table, category_table, process_table, sums_line
from otel_agent.summary.text.overview_rows import NO_PROCESS
from otel_agent.summary.view import Activity, View, shown

_MOST_PROCESSES: Final = 4
"""Processes on a screen of few lines. The panel's title says how many there are."""
_BESIDE_BARS: Final = 23
"""Columns of a line of the categories that are neither number nor bar: name, share, and gaps."""
_WIDEST_BAR: Final = 20


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
