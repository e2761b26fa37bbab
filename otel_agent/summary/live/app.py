"""The live screen: six tabs, each a view that is answered in a background thread and drawn when the answer comes."""

import threading
import time
from collections.abc import Callable
from itertools import count
from typing import ClassVar, Final

from msgspec.structs import replace
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.widgets import Footer, Input, Static, Tab, Tabs

from otel_agent.errors import OtelAgentError
from otel_agent.model.plural import counted
from otel_agent.summary.live.crumbs import Spot, Trail, Wish
from otel_agent.summary.live.help import Help
from otel_agent.summary.live.keys import SCREEN_KEYS
from otel_agent.summary.live.lines import (
    foot_lines,
    reading_line,
    trend_line,
    trouble_line,
    upgrade_line,
    where_line,
)
from otel_agent.summary.live.notes import Notes
from otel_agent.summary.live.panels import processes_panel, tokens_panel
from otel_agent.summary.live.row_list import Listing, RowList, list_rows
from otel_agent.summary.live.source import Ask, Source
from otel_agent.summary.live.style import FEW_COLUMNS, LOW, SHORT, STYLE, WIDE
from otel_agent.summary.live.tabs import ViewTabs
from otel_agent.summary.question import Question, RangeName
from otel_agent.summary.text import words
from otel_agent.summary.text.captions import footnotes
from otel_agent.summary.text.columns import sorts_of
from otel_agent.summary.text.overview import active_table
from otel_agent.summary.text.overview_rows import ACTIVE_SESSIONS
from otel_agent.summary.text.words import plain
from otel_agent.summary.view import VIEW_NAMES, Process, View, ViewName

_TREND_EDGES: Final = 4
_ROWS: Final[dict[ViewName, str]] = {
    "overview": "Models",
    "sessions": "Sessions",
    "projects": "Projects",
    "models": "Models",
    "agents": "Agents",
    "timeline": "Timeline",
}
"""What the rows of a view are."""
_LOOK_SECONDS: Final = 0.2
"""Pause between two looks at whether the ledger was written. A look reads the status of two files: 0.1 % of a core."""
_LOOKS_TO_PROCESSES: Final = 10
"""Looks from one list of the processes to the next: to list 300 of them takes 3 ms."""
_LEAST_SECONDS: Final = 0.5
"""Shortest time between two questions while the ledger is written all the time."""
_AGAIN_SECONDS: Final[dict[ViewName, float]] = {"overview": 15.0}
_AGAIN_SELDOM_SECONDS: Final = 60.0
"""Ask for a view again after this even if nothing was written: sessions cease to be active, a day ends."""


class Live(App[None]):
    """The screen. Everything runs in its own thread, except the three workers, which pass on what they found."""

    TITLE = "otel-agent"
    AUTO_FOCUS = "#rows"
    CSS = STYLE
    BINDINGS: ClassVar[list[BindingType]] = SCREEN_KEYS

    def __init__(self, source: Source, ask: Ask, view: ViewName = "overview") -> None:
        """``source`` answers questions, ``ask`` returns the question of each view, ``view`` is the first tab."""
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (LOW, "-high")]
        self._source, self._ask = source, ask
        self._trail = Trail(view)
        self._asked = 0
        """Number of the latest question. An answer to an older one comes too late and is dropped."""
        self._asked_at = 0.0
        self._answered = 0
        """Number of the latest question that was answered, even if by an error."""
        self._last: dict[ViewName, tuple[Wish, Listing]] = {}
        """The last answer of each view, with what was wished then, laid out for the present width."""
        self._shown: View | None = None
        self._leaving = threading.Event()

    def compose(self) -> ComposeResult:
        """Create the widgets, from top to bottom."""
        yield ViewTabs(*(Tab(name.title(), id=name) for name in VIEW_NAMES), active=self._trail.here.view)
        yield Static(id="where", markup=False)
        yield Static(id="note", markup=False)
        with VerticalScroll(id="head", can_focus=False):
            for name in ("processes", "tokens", "active"):
                yield Static(id=name, markup=False, classes="panel")
        yield Static(id="trend", markup=False)
        yield RowList(id="rows")
        yield Static(id="foot", markup=False)
        yield Static(id="trouble", markup=False)
        yield Input(placeholder="Show only rows with …  (Escape: show all)", id="filter")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Ask for the first view, and begin to follow the ledger."""
        self._arrive()
        self._look_on()
        self._keep_up()

    def on_unmount(self) -> None:
        """Let the workers end."""
        self._leaving.set()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the keys to the help while it is open."""
        return action == "quit" or not isinstance(self.screen, Help)

    # --- what a person does

    def action_open(self, name: ViewName) -> None:
        """Open a tab."""
        self._trail.open(name)
        self._arrive()

    def action_step(self, offset: int) -> None:
        """Open the next or the previous tab."""
        self._trail.open_neighbour(offset)
        self._arrive()

    def action_range(self, name: RangeName) -> None:
        """Choose a range for all views."""
        self._trail.choose_range(name)
        self._load()

    def action_by(self) -> None:
        """Choose the next step of the timeline."""
        self._trail.choose_next_step(self._ask)
        self._load()

    def action_refresh_now(self) -> None:
        """Ask again."""
        self._load()

    def action_filter(self) -> None:
        """Open the line in which a filter is typed."""
        line = self.query_one("#filter", Input)
        line.display = True
        line.focus()

    def action_up_one(self) -> None:
        """End the filter or, without one, go back to the view before."""
        if self.query_one("#filter").display:
            self._close_filter()
        elif spot := self._trail.go_back():
            self._arrive()
            self._return_to(spot)

    def action_sort(self) -> None:
        """Sort by the next column."""
        if self._shown is not None:
            self._trail.choose_next_sort(sorts_of(self._shown), self._shown.question.sort)
            self._load()

    def on_row_list_sort_chosen(self, event: RowList.SortChosen) -> None:
        """Sort by the column that was clicked."""
        self._trail.choose_sort(event.sort)
        self._load()

    def action_copy(self) -> None:
        """Copy the id or the name of the row, by the terminal's own clipboard (OSC 52)."""
        if key := self.query_one(RowList).key:
            self.copy_to_clipboard(key)
            self.notify(f"Copied {plain(key)}", markup=False, timeout=2)

    def action_notes(self) -> None:
        """Show all warnings and notes."""
        if self._shown is not None:
            self.push_screen(Notes(footnotes(self._shown)))

    def action_scroll_head(self, lines: int) -> None:
        """Scroll what is above the rows."""
        self.query_one("#head", VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(Help())

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        """Open the tab that was clicked. Keys activate tabs too, but their event may come after the next key."""
        name = next(view for view in VIEW_NAMES if view == event.tab.id)
        # A late event of a key names a tab that is not active any more.
        if name == event.tabs.active and name != self._trail.here.view:
            self.action_open(name)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter with every letter."""
        self.query_one(RowList).show_only(event.value, self.size.width)
        self._show_foot()

    def on_input_submitted(self) -> None:
        """Keep the filter, and move in the rows."""
        self.query_one(RowList).focus()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Open the row."""
        self._trail.go_into(event.row, self.query_one(RowList).only)
        self._arrive()

    def on_resize(self, event: Resize) -> None:
        """Lay the rows out for the new width."""
        self._last.clear()
        self.query_one(ViewTabs).name_tabs(numbered=event.size.width >= FEW_COLUMNS)
        if self._shown is not None:
            rows = self.query_one(RowList)
            rows.show(list_rows(self._shown, event.size.width, rows.only))
            self._show_overview(self._shown)
            self._show_trend(self._shown)

    def _return_to(self, spot: Spot) -> None:
        """Put the cursor and the filter where they were."""
        rows, line = self.query_one(RowList), self.query_one("#filter", Input)
        if spot.only:
            line.display, line.value = True, spot.only
        rows.return_to(spot.key)
        last = self._last.get(self._trail.here.view)
        if last is not None and last[0] == self._trail.wish:
            self._show_listing(last[1])
            rows.return_to(spot.key)

    def _close_filter(self) -> None:
        line = self.query_one("#filter", Input)
        line.value = ""
        line.display = False
        self.query_one(RowList).focus()

    # --- asking, and showing the answer

    def _arrive(self) -> None:
        """Show the last answer of the view, or that one is coming, and ask for it."""
        view = self._trail.here.view
        self.query_one(Tabs).active = view
        self.query_one("#head").display = view == "overview"
        self._close_filter()
        wish, listing = self._last.get(view, (None, None))
        if listing is not None and wish == self._trail.wish:
            self._show_listing(listing)  # at once; the new answer replaces it
        else:
            # Rows of another view would be misread under the new title, so they are covered until the answer comes.
            self.query_one(RowList).loading = self._shown is None or self._shown.name != view
        self._load()

    def _load(self) -> None:
        """Ask. An answer that is still awaited will be dropped."""
        self._asked += 1
        self._asked_at = time.monotonic()
        self._answer(self._asked, self._trail.here.view, self._trail.question(self._ask))

    @work(thread=True, group="answer")
    def _answer(self, number: int, name: ViewName, question: Question) -> None:
        try:
            view = self._source.view(name, question)
        except OtelAgentError as error:
            self._pass_on(self._show_trouble, number, str(error))
        else:
            # Laying out thousands of rows takes long, so it is done here and not in the screen's thread.
            self._pass_on(self._show, number, list_rows(view, self.size.width))

    def _show(self, number: int, unfiltered: Listing) -> None:
        if number != self._asked:
            return
        self._answered = number
        self._last[unfiltered.view.name] = self._trail.wish, unfiltered
        self.query_one("#trouble").display = False
        self._show_listing(unfiltered)

    def _show_listing(self, unfiltered: Listing) -> None:
        view = self._shown = unfiltered.view
        # A filter that is open holds for the new answer too; it may have been typed while the answer was made.
        only = self.query_one("#filter", Input).value.strip()
        self.query_one(RowList).show(list_rows(view, self.size.width, only) if only else unfiltered)
        self._show_overview(view)
        self._show_trend(view)
        self.query_one(RowList).border_title = f"{_ROWS[view.name]}, {counted(len(view.rows), 'row')}"
        self.query_one("#where", Static).update(where_line(self._trail.here, view))
        # The line moves by itself: each batch changes the ledger, and so the view is asked for again.
        self._show_note(reading_line(view))
        self._show_foot()

    def _show_note(self, note: Text) -> None:
        """Show a line above the numbers, or none if it is empty."""
        line = self.query_one("#note", Static)
        line.display = bool(note)
        line.update(note)

    def _show_overview(self, view: View) -> None:
        if view.activity is None:
            return
        short = self.size.height < SHORT
        processes, tokens, active = (self.query_one(f"#{name}", Static) for name in ("processes", "tokens", "active"))
        processes.border_title = words.running(len(view.activity.processes))
        processes.update(processes_panel(view, view.activity, short=short))
        tokens.border_title = f"Tokens, {words.short_range(view.range)}"
        tokens.update(tokens_panel(view, short=short))
        active.display = bool(view.activity.sessions) and not short
        active.border_title = ACTIVE_SESSIONS
        active.update(active_table(view, view.activity))

    def _show_trend(self, view: View) -> None:
        line = trend_line(view, self.size.width - _TREND_EDGES)
        self.query_one("#trend", Static).update(line)
        self.query_one("#trend", Static).display = bool(line)

    def _show_foot(self) -> None:
        if self._shown is not None:
            self.query_one("#foot", Static).update(foot_lines(self._shown, self.query_one(RowList).kept))

    def _show_trouble(self, number: int, what: str) -> None:
        """Say what went wrong; the last answer stays on the screen."""
        if number != self._asked:
            return
        self._answered = number
        self.query_one(RowList).loading = False
        trouble = self.query_one("#trouble", Static)
        trouble.update(trouble_line(what, self._shown.now if self._shown else None))
        trouble.display = True

    # --- following what happens

    @work(thread=True, group="look on")
    def _look_on(self) -> None:
        """Look for news as long as the screen is open. A thread of its own costs a tenth of Textual's timers."""
        for number in count(1):
            if self._leaving.wait(_LOOK_SECONDS):
                return
            if time.monotonic() - self._asked_at > _LEAST_SECONDS:
                self._look(processes=number % _LOOKS_TO_PROCESSES == 0)

    def _look(self, *, processes: bool = True) -> None:
        """Find out whether the ledger changed and, for the overview, which processes run. Pass on only what is new."""
        if self._asked != self._answered:
            return  # the answer may know the news, and if it does not, the next look finds them
        view, passed = self._trail.here.view, time.monotonic() - self._asked_at
        if self._source.changed() or passed > _AGAIN_SECONDS.get(view, _AGAIN_SELDOM_SECONDS):
            self._pass_on(self._load)
        # Without news in the ledger only the processes are drawn again: no query is needed.
        elif processes and view == "overview":
            found, shown = self._source.processes(), self._shown
            if shown is not None and shown.activity is not None and shown.activity.processes != found:
                self._pass_on(self._show_processes, found)

    def _show_processes(self, processes: list[Process]) -> None:
        if self._shown is not None and self._shown.activity is not None:
            self._shown = replace(self._shown, activity=replace(self._shown.activity, processes=processes))
            self._show_overview(self._shown)

    @work(thread=True, group="keep up")
    def _keep_up(self) -> None:
        """Keep the ledger up to date as long as the screen is open."""
        self._source.follow(self._leaving, self._show_failure, self._show_upgrade)

    def _show_failure(self, error: OtelAgentError) -> None:
        self._pass_on(self._show_trouble, self._asked, str(error))

    def _show_upgrade(self, done: int, total: int) -> None:
        self._pass_on(self._show_note, upgrade_line(done, total))

    def _pass_on(self, show: Callable[..., None], *found: object) -> None:
        """Let the screen's own thread show what a worker found, unless the screen is gone."""
        if not self._leaving.is_set():
            self.call_later(show, *found)


def run_live(source: Source, ask: Ask, view: ViewName) -> None:
    """Show the screen until a person quits."""
    Live(source, ask, view).run()
