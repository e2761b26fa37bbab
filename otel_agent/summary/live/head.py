"""What is above the rows: the panels of an overview, and the bars of the range."""

from typing import Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from otel_agent.summary.live.calendar import calendar_map
from otel_agent.summary.live.lines import trend_line
from otel_agent.summary.live.panels import processes_panel, tokens_panel
from otel_agent.summary.live.style import SHORT, TALL, WIDE
from otel_agent.summary.text import words
from otel_agent.summary.text.overview import active_table
from otel_agent.summary.text.overview_rows import ACTIVE_SESSIONS
from otel_agent.summary.view import View

_EDGES: Final = 4
"""Columns beside the bars, and beside what a panel shows."""
_PANELS: Final = ("processes", "tokens", "days", "active")


class Head(VerticalScroll, can_focus=False):
    """The panels of an overview: processes, tokens, and if there is room a map of days and active sessions."""

    _days: View | None = None
    _lines = -1
    """Number of processes on the screen; negative before the first answer."""

    def compose(self) -> ComposeResult:
        """Create the panels."""
        for name in _PANELS:
            yield Static(id=name, markup=False, classes="panel")

    @property
    def has_room_for_days(self) -> bool:
        """True if a map of days would be shown."""
        return self.app.size.width >= WIDE and self.app.size.height >= TALL

    def show(self, view: View) -> None:
        """Show an overview. Another view has nothing to show here."""
        if view.activity is None:
            return
        short = self.app.size.height < SHORT
        self.show_processes(view)
        _, tokens, days, active = (self.query_one(f"#{name}", Static) for name in _PANELS)
        tokens.border_title = f"Tokens, {words.short_range(view.range)}"
        tokens.update(tokens_panel(view, self._columns(wide=2), short=short))
        active.display = bool(view.activity.sessions) and not short
        active.border_title = ACTIVE_SESSIONS
        active.update(active_table(view, view.activity))
        days.display = self._days is not None and self.has_room_for_days
        # Without a panel beside it, each has the whole width.
        for panel, beside in ((days, active), (active, days)):
            panel.set_class(not beside.display, "alone")
        if self._days is not None and days.display:
            days.border_title = "Tokens by day"
            days.update(calendar_map(self._days, self._columns(wide=2 if active.display else 1)))

    def show_processes(self, view: View) -> None:
        """Show the running processes of an overview, and leave all else as it is."""
        if view.activity is None:
            return
        panel, running = self.query_one("#processes", Static), view.activity.processes
        panel.border_title = words.running(len(running))
        # As many lines as before need no new layout of the screen.
        panel.update(
            processes_panel(view, view.activity, short=self.app.size.height < SHORT), layout=len(running) != self._lines
        )
        self._lines = len(running)

    def show_days(self, days: View) -> None:
        """Keep the days for the map of the next overview."""
        self._days = days

    def _columns(self, wide: int) -> int:
        """Return the columns inside a panel, if on a wide screen so many are beside each other."""
        width = self.app.size.width
        return width // (wide if width >= WIDE else 1) - _EDGES - 1


class TrendLine(Static):
    """A line of bars over the range of a view."""

    def show(self, view: View) -> None:
        """Show the bars of a view; nothing if it has none."""
        line = trend_line(view, self.app.size.width - _EDGES)
        self.display = bool(line)
        self.update(line)
