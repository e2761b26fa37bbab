"""What is above the rows: the panels of an overview, and the bars of the range."""

from typing import Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from otel_agent.summary.live.lines import trend_line
from otel_agent.summary.live.panels import processes_panel, tokens_panel
from otel_agent.summary.live.style import SHORT
from otel_agent.summary.text import words
from otel_agent.summary.text.overview import active_table
from otel_agent.summary.text.overview_rows import ACTIVE_SESSIONS
from otel_agent.summary.view import View

_EDGES: Final = 4
"""Columns beside the bars."""


class Head(VerticalScroll, can_focus=False):
    """The panels of an overview: processes, tokens, and active sessions if there is room for them."""

    def compose(self) -> ComposeResult:
        """Create the panels."""
        for name in ("processes", "tokens", "active"):
            yield Static(id=name, markup=False, classes="panel")

    def show(self, view: View) -> None:
        """Show an overview. Another view has nothing to show here."""
        if view.activity is None:
            return
        short = self.app.size.height < SHORT
        processes, tokens, active = (self.query_one(f"#{name}", Static) for name in ("processes", "tokens", "active"))
        processes.border_title = words.running(len(view.activity.processes))
        processes.update(processes_panel(view, view.activity, short=short))
        tokens.border_title = f"Tokens, {words.short_range(view.range)}"
        tokens.update(tokens_panel(view, short=short))
        active.display = bool(view.activity.sessions) and not short
        active.border_title = ACTIVE_SESSIONS
        active.update(active_table(view, view.activity))


class TrendLine(Static):
    """A line of bars over the range of a view."""

    def show(self, view: View) -> None:
        """Show the bars of a view; nothing if it has none."""
        line = trend_line(view, self.app.size.width - _EDGES)
        self.display = bool(line)
        self.update(line)
