"""What is above the rows: the panels of an overview, and the bars of the range."""

from typing import Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from otel_agent.summary.live.calendar import calendar_map
from otel_agent.summary.live.lines import trend_line
from otel_agent.summary.live.panels import active_of, panel_columns, processes_of, tokens_of
from otel_agent.summary.live.style import TALL, TREND_EDGES, WIDE
from otel_agent.summary.view import View

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
        width, height = self.app.size
        self.show_processes(view)
        _, tokens, days, active = (self.query_one(f"#{name}", Static) for name in _PANELS)
        tokens.border_title, said = tokens_of(view, width, height)
        tokens.update(said)
        sessions = active_of(view, view.activity, height)
        active.display = sessions is not None
        if sessions is not None:
            active.border_title = sessions.title
            active.update(sessions.content)
        days.display = self._days is not None and self.has_room_for_days
        # Without a panel beside it, each has the whole width.
        for panel, beside in ((days, active), (active, days)):
            panel.set_class(not beside.display, "alone")
        if self._days is not None and days.display:
            days.border_title = "Tokens by day"
            days.update(calendar_map(self._days, panel_columns(width, 2 if active.display else 1)))

    def show_processes(self, view: View) -> None:
        """Show the running processes of an overview, and leave all else as it is."""
        if view.activity is None:
            return
        panel, number = self.query_one("#processes", Static), len(view.activity.processes)
        panel.border_title, said = processes_of(view, view.activity, self.app.size.height)
        # As many lines as before need no new layout of the screen.
        panel.update(said, layout=number != self._lines)
        self._lines = number

    def show_days(self, days: View) -> None:
        """Keep the days for the map of the next overview."""
        self._days = days


class TrendLine(Static):
    """A line of bars over the range of a view."""

    def show(self, view: View) -> None:
        """Show the bars of a view; nothing if it has none."""
        line = trend_line(view, self.app.size.width - TREND_EDGES)
        self.display = bool(line)
        self.update(line)
