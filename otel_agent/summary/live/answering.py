"""The live screen without its keys: it asks in background threads, shows the answers, and follows what happens."""

import os
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.widgets import Footer, Input, Static, Tab

from otel_agent.errors import OtelAgentError
from otel_agent.summary.live.calendar import calendar_question
from otel_agent.summary.live.crumbs import Trail, Wish
from otel_agent.summary.live.head import Head, TrendLine
from otel_agent.summary.live.lines import detail_line, foot_lines, reading_line, trouble_line, upgrade_line, where_line
from otel_agent.summary.live.listing import Listing, is_as_shown, list_rows
from otel_agent.summary.live.row_list import RowList
from otel_agent.summary.live.source import Ask, Source
from otel_agent.summary.live.style import LOW, ROOMY, SHORT, STYLE, WIDE
from otel_agent.summary.live.tabs import ViewTabs
from otel_agent.summary.live.themed import Themed
from otel_agent.summary.question import Question
from otel_agent.summary.view import VIEW_NAMES, Process, View, ViewName

if TYPE_CHECKING:
    from otel_agent.summary.live.driver import GoingOn
    from otel_agent.summary.live.session_screen import SessionScreen
    from otel_agent.summary.session_detail import SessionDetail

_LOOK_SECONDS: Final = 0.2
"""Pause between two looks at whether the ledger was written. A look reads the status of two files: 0.1 % of a core."""
_LOOKS_TO_PROCESSES: Final = 10
"""Looks from one list of the processes to the next: to list 300 of them takes 3 ms."""
_LEAST_SECONDS: Final = 0.5
"""Shortest time between two questions while the ledger is written all the time."""
_DAYS_SECONDS: Final = 60.0
"""Shortest time between two questions for the map of days, which changes by one shade at most."""
_AGAIN_SECONDS: Final[dict[ViewName, float]] = {"overview": 15.0}
_AGAIN_SELDOM_SECONDS: Final = 60.0
"""Ask for a view again after this even if nothing was written: sessions cease to be active, a day ends."""


class Answering(Themed):
    """The screen. Everything runs in its own thread, except the three workers, which pass on what they found."""

    TITLE = "otel-agent"
    AUTO_FOCUS = "#rows"
    CSS = STYLE

    def __init__(
        self,
        source: Source,
        ask: Ask,
        view: ViewName = "overview",
        folder: Path | None = None,
        *,
        first: View | None = None,
        going_on: "GoingOn | None" = None,
    ) -> None:
        """``source`` answers questions, ``ask`` returns the question of each view, ``view`` is the first tab.

        What a person chooses is kept in ``folder``. ``first`` is the answer of the first tab, if it was asked already,
        and ``going_on`` has its picture.
        """
        super().__init__(folder, going_on)
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (LOW, "-high"), (ROOMY, "-tall")]
        self._source, self._ask = source, ask
        self._trail = Trail(view)
        self._first = first
        self._asked = 0
        """Number of the latest question. An answer to an older one comes too late and is dropped."""
        self._asked_at = 0.0
        self._days_asked_at = -_DAYS_SECONDS
        self._days_of: object = None
        """The state of the ledger and the date that the map of days is about."""
        self._new_days = False
        """True if the next answer brings a new map of days."""
        self._answered = 0
        """Number of the latest question that was answered, even if by an error."""
        self._sessions: list[SessionScreen] = []
        """The sessions that lie over the rows, each opened from a call of the one before it."""
        self._last: dict[ViewName, tuple[Wish, Listing]] = {}
        """The last answer of each view, with what was wished then."""
        self._shown: View | None = None
        self._leaving = threading.Event()
        self._served_by = os.getppid()

    def compose(self) -> ComposeResult:
        """Create the widgets, from top to bottom."""
        yield ViewTabs(*(Tab(name.title(), id=name) for name in VIEW_NAMES), active=self._trail.here.view)
        yield Static(id="where", markup=False)
        yield Static(id="note", markup=False)
        yield Head(id="head")
        yield TrendLine(id="trend", markup=False)
        yield RowList(id="rows")
        yield Static(id="detail", markup=False)
        yield Static(id="foot", markup=False)
        yield Static(id="trouble", markup=False)
        yield Input(placeholder="Show only rows with …  (Escape: show all)", id="filter", compact=True)
        yield Input(placeholder="Write what is shown to …  (.csv .json .html .md .svg .txt)", id="file", compact=True)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Begin to follow the ledger."""
        self._look_on()
        self._keep_up()

    def on_unmount(self) -> None:
        """Let the workers end."""
        self._leaving.set()

    # --- asking, and showing the answer

    @property
    def _inside(self) -> "SessionScreen | None":
        """The session whose turns are on the screen."""
        return self._sessions[-1] if self._sessions else None

    def _load(self) -> None:
        """Ask. An answer that is still awaited will be dropped."""
        self._asked += 1
        self._asked_at = time.monotonic()
        if self._inside is not None:
            self._answer_session(self._asked, self._inside.session_id)
            return
        self._answer(self._asked, self._trail.here.view, self._trail.question(self._ask), self._question_of_days())

    @property
    def _days_are_due(self) -> bool:
        """True if the map of days has room, was not asked for some time, and may be another one by now."""
        # The first answer is on the screen without it, because it is what a person waits for.
        if self._shown is None or self._shown.activity is None or not self.query_one(Head).has_room_for_days:
            return False
        is_news = self._days_of != (self._source.mark(), self._shown.now.date())
        return is_news and time.monotonic() - self._days_asked_at >= _DAYS_SECONDS

    def _question_of_days(self) -> tuple[Question, object] | None:
        """Return the question for the map of days, if it is due, and what its answer will be about (``_days_of``)."""
        if self._shown is None or not self._days_are_due:
            return None
        self._days_asked_at = time.monotonic()
        return calendar_question(self._shown), (self._source.mark(), self._shown.now.date())

    def show_first(self, view: View) -> None:
        """Show an answer that was there before the screen. Until all of it is drawn, its picture stays."""
        self._asked += 1
        self._asked_at = time.monotonic()
        self._show(self._asked, list_rows(view, self.size.width))
        self.draw_over_picture()

    @work(thread=True, group="answer")
    def _answer(self, number: int, name: ViewName, question: Question, days: tuple[Question, object] | None) -> None:
        try:
            # First the days: the view that is asked last notices everything that is written from then on.
            if days is not None:
                asked, about = days
                self._pass_on(self._show_days, self._source.view("timeline", asked), about)
            view = self._source.view(name, question)
        except OtelAgentError as error:
            self._pass_on(self._show_trouble, number, str(error))
        else:
            # Laying out thousands of rows takes long, so it is done here and not in the screen's thread.
            self._pass_on(self._show, number, list_rows(view, self.size.width))

    @work(thread=True, group="answer")
    def _answer_session(self, number: int, session_id: str) -> None:
        try:
            found = self._source.session(session_id)
        except OtelAgentError as error:
            self._pass_on(self._show_trouble, number, str(error))
        else:
            self._pass_on(self._show_session, number, found)

    def _show_session(self, number: int, found: "SessionDetail") -> None:
        if number == self._asked and self._inside is not None:
            self._answered = number
            self._inside.show(found)

    def _show_days(self, days: View, about: object) -> None:
        self.query_one(Head).show_days(days)
        self._days_of, self._new_days = about, True

    def _show(self, number: int, unfiltered: Listing) -> None:
        if number != self._asked:
            return
        self._answered = number
        self._last[unfiltered.view.name] = self._trail.wish, unfiltered
        self.query_one("#trouble").display = False
        if is_as_shown(self._shown, unfiltered.view) and not self.query_one(RowList).loading and not self._new_days:
            # To draw all of it again takes ten times as long as to ask.
            self._shown = unfiltered.view
            self.query_one(Head).show_processes(unfiltered.view)  # their uptime goes on
            self._show_note(reading_line(unfiltered.view))
            self._show_foot()
        else:
            self._new_days = False
            self._show_listing(unfiltered, flash=self.flashes)
        if self._days_are_due:
            self._load()

    def _show_listing(self, unfiltered: Listing, *, flash: bool = False) -> None:
        view = self._shown = unfiltered.view
        # A filter that is open holds for the new answer too; it may have been typed while the answer was made.
        only, width = self.query_one("#filter", Input).value.strip(), self.size.width
        # The screen can have got another size while a worker laid out what it asked for.
        fits = unfiltered.screen_width == width and not only
        listing = unfiltered if fits else list_rows(view, width, only)
        self.query_one(RowList).show(listing, flash=flash)
        self.query_one(Head).show(view)
        self.query_one(TrendLine).show(view)
        self.query_one("#where", Static).update(where_line(self._trail.here, view))
        # The line moves by itself: each batch changes the ledger, and so the view is asked for again.
        self._show_note(reading_line(view))
        self._show_foot()

    def _show_note(self, note: Text) -> None:
        """Show a line above the numbers, or none if it is empty."""
        line = self.query_one("#note", Static)
        line.display = bool(note)
        line.update(note)

    def _show_foot(self) -> None:
        if self._shown is not None:
            short = self.size.height < SHORT
            self.query_one("#foot", Static).update(foot_lines(self._shown, self.query_one(RowList).kept, short=short))

    def on_row_list_moved(self) -> None:
        """Show the exact numbers of the row under the cursor."""
        rows = self.query_one(RowList)
        if rows.listing is not None:
            line = detail_line(rows.listing.view, rows.row, self.size.width - 2, self.size.height)
            self.query_one("#detail", Static).update(line)

    def _show_trouble(self, number: int, what: str) -> None:
        """Say what went wrong; the last answer stays on the screen."""
        if number != self._asked:
            return
        self._answered = number
        self.query_one(RowList).loading = False
        trouble = self.query_one("#trouble", Static)
        trouble.update(trouble_line(what, self._shown.now if self._shown else None))
        trouble.display = True
        if self._inside is not None:
            self.notify(what, markup=False, severity="warning")

    # --- following what happens

    @work(thread=True, group="look on")
    def _look_on(self) -> None:
        """Look for news as long as the screen is open. A thread of its own costs a tenth of Textual's timers."""
        for number in count(1):
            if self._leaving.wait(_LOOK_SECONDS):
                return
            if self.is_web and os.getppid() != self._served_by:
                # Whoever served the page was killed, and nobody would ever end this process.
                self._pass_on(self.exit)
            elif time.monotonic() - self._asked_at > _LEAST_SECONDS:
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
            self.query_one(Head).show_processes(self._shown)

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
