"""What is above the rows of an overview: a panel with the processes, one with the tokens, one with active sessions."""

from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from otel_agent.summary.text import words
from otel_agent.summary.text.captions import nothing_in
from otel_agent.summary.text.overview import budget_table, category_table, process_table, sums_line
from otel_agent.summary.text.overview_rows import NO_PROCESS
from otel_agent.summary.view import Activity, View, shown

_MOST_PROCESSES: Final = 4
"""Processes on a screen of few lines. The panel's title says how many there are."""


def processes_panel(view: View, activity: Activity, *, short: bool) -> RenderableType:
    """Return the running processes; on a ``short`` screen the first of them."""
    kept = activity.processes[:_MOST_PROCESSES] if short else activity.processes
    if not kept:
        return Text(NO_PROCESS, style="dim")
    more = len(activity.processes) - len(kept)
    return Group(process_table(view, kept), *([Text(f"… and {more} more", style="dim")] if more else []))


def tokens_panel(view: View, *, short: bool) -> RenderableType:
    """Return the tokens by category; on a ``short`` screen in one line."""
    budgets = [budget_table(view)] if view.budgets else []
    if not view.totals.is_any:
        return Group(Text(nothing_in(view), style="dim"), *budgets)
    if not short:
        return Group(category_table(view), sums_line(view), *budgets)
    tokens = shown(view.totals, view.accounting)
    parts = zip(words.CATEGORIES, tokens.by_category(), strict=True)
    line = Text("  ".join(f"{name} {words.compact(number)}" for name, number in parts if number))
    return Group(line, sums_line(view), *budgets)
