"""The live screen: six tabs, each a view that is answered in a thread of its own and drawn when it is there."""

import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final, Protocol

from msgspec.structs import replace
from rich.console import Group
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.widgets import Footer, Input, Static, Tab, Tabs
from textual.worker import get_current_worker

from otel_agent.errors import OtelAgentError
from otel_agent.summary.live.crumbs import Place
from otel_agent.summary.live.help import Help
from otel_agent.summary.live.row_list import Drawn, Rows, drawn
from otel_agent.summary.question import By, Question, RangeName
from otel_agent.summary.text import words
from otel_agent.summary.text.captions import footnotes
from otel_agent.summary.text.tables import overview_active, overview_head
from otel_agent.summary.view import VIEW_NAMES, Overview, Process, Row, View, ViewName, shown

_TICK_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 15.0
"""A view is asked for again after this even where nothing was written: sessions cease to be active, a day ends."""
_REST: Final = 20
"""To bring the ledger up to date rests for so many times as long as it takes: at most 5 % of a core."""
_LEAST_REST_SECONDS: Final = 2.0
_BYS: Final[tuple[By, ...]] = ("hour", "day", "week", "month")

Ask = Callable[[ViewName, RangeName | None], Question]
"""The question that a view asks at this moment, its range chosen or its own: ranges move with the clock."""


class Source(Protocol):
    """Where answers come from. All but ``changed`` may take long, and raise ``OtelAgentError``."""

    def view(self, name: ViewName, question: Question) -> View[Row]: ...

    def processes(self) -> list[Process]: ...

    def catch_up(self) -> None: ...

    def changed(self) -> bool:
        """Whether the ledger was written to since the last view."""


class _Tabs(Tabs, can_focus=False):
    """Arrows move about in the rows, never here."""


class Live(App[None]):
    """``source`` answers; ``ask`` says what each view asks. Everything here runs in the screen's own thread, but for the
    three workers, which hand over what they found."""

    TITLE = "otel-agent"
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = "#rows"
    CSS = """
    #where { height: 1; padding: 0 1; color: $text-muted; }
    #head { height: auto; max-height: 60%; padding: 0 1 1 1; }
    #rows { height: 1fr; padding: 0 1; background: $background; }
    #foot { height: auto; max-height: 6; padding: 0 1; }
    #trouble { height: auto; padding: 0 1; color: $warning; display: none; }
    #filter { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"open('{name}')", name.title(), show=False)
            for number, name in enumerate(VIEW_NAMES, 1)
        ),
        Binding("tab", "step(1)", "Next tab", priority=True, show=False),
        Binding("shift+tab", "step(-1)", "Tab before", priority=True, show=False),
        Binding("t", "range('today')", "Today"),
        Binding("w", "range('week')", "Week"),
        Binding("m", "range('month')", "Month"),
        Binding("a", "range('all')", "All"),
        Binding("b", "by", "Step", show=False),
        Binding("r", "refresh_now", "Refresh"),
        Binding("slash", "filter", "Filter"),
        Binding("escape,backspace", "up_one", "Back", show=False),
        Binding("question_mark", "help", "Help"),
        Binding("q,ctrl+c", "quit", "Quit"),
    ]

    def __init__(self, source: Source, ask: Ask, view: ViewName = "overview") -> None:
        super().__init__()
        self._source, self._ask = source, ask
        self._places = [Place(view)]
        self._range: RangeName | None = None
        """Chosen by a key: it holds for all tabs. ``None``: each its own."""
        self._by: By | None = None
        self._asked = 0
        """Number of the question whose answer is awaited; a late answer to another is dropped."""
        self._asked_at = 0.0
        self._shown: View[Any] | None = None
        self._leaving = threading.Event()

    def compose(self) -> ComposeResult:
        tabs = (Tab(f"{number} {name.title()}", id=name) for number, name in enumerate(VIEW_NAMES, 1))
        yield _Tabs(*tabs, active=self._places[0].view)
        yield Static(id="where", markup=False)
        with VerticalScroll(id="head", can_focus=False):
            yield Static(id="overview", markup=False)
        yield Rows(id="rows")
        yield Static(id="foot", markup=False)
        yield Static(id="trouble", markup=False)
        yield Input(placeholder="Only rows with …  (Escape: all)", id="filter")
        yield Footer()

    def on_mount(self) -> None:
        self._go_to(self._places[-1])
        self.set_interval(_TICK_SECONDS, self._tick)
        self._keep_up()

    def on_unmount(self) -> None:
        self._leaving.set()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While help is shown, keys are its own."""
        return action == "quit" or not isinstance(self.screen, Help)

    # --- what a person does

    def action_open(self, name: ViewName) -> None:
        self._places = [Place(name)]
        self._go_to(self._places[-1])

    def action_step(self, by: int) -> None:
        self.action_open(VIEW_NAMES[(VIEW_NAMES.index(self._places[0].view) + by) % len(VIEW_NAMES)])

    def action_range(self, name: RangeName) -> None:
        self._range = name
        self._load()

    def action_by(self) -> None:
        question = self._question()
        self._by = _BYS[(_BYS.index(question.by) + 1) % len(_BYS)]
        self._load()

    def action_refresh_now(self) -> None:
        self._load()

    def action_filter(self) -> None:
        line = self.query_one("#filter", Input)
        line.display = True
        line.focus()

    def action_up_one(self) -> None:
        if self.query_one("#filter").display:
            self._close_filter()
        elif len(self._places) > 1:
            self._places.pop()
            self._go_to(self._places[-1])

    def _close_filter(self) -> None:
        line = self.query_one("#filter", Input)
        line.value = ""
        line.display = False
        self.query_one(Rows).focus()

    def action_help(self) -> None:
        self.push_screen(Help())

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        """A click; keys bring a tab to the front too, and are told of it late."""
        name = next(each for each in VIEW_NAMES if each == event.tab.id)
        if name == event.tabs.active and name != self._places[-1].view:
            self.action_open(name)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one(Rows).filtered(event.value, self.size.width)
        self._say_totals()

    def on_input_submitted(self) -> None:
        self.query_one(Rows).focus()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        self._places.append(self._places[-1].into(event.row))
        self._go_to(self._places[-1])

    def on_resize(self, event: Resize) -> None:
        if self._shown is not None:
            self.query_one(Rows).show(drawn(self._shown, event.size.width, self.query_one(Rows).only))

    # --- what is asked, and what comes of it

    def _go_to(self, place: Place) -> None:
        self.query_one(Tabs).active = place.view
        self.query_one("#head").display = place.view == "overview"
        self._close_filter()
        self.query_one(Rows).loading = self._shown is None or self._shown.name != place.view
        self._load()

    def _question(self) -> Question:
        place = self._places[-1]
        question = self._ask(place.view, self._range)
        return place.of(replace(question, by=self._by or question.by))

    def _load(self) -> None:
        """Ask; what was asked before and is not answered yet is of no interest any more."""
        self._asked += 1
        self._asked_at = time.monotonic()
        self._answer(self._asked, self._places[-1], self._question())

    @work(thread=True, group="answer")
    def _answer(self, number: int, place: Place, question: Question) -> None:
        try:
            view = self._source.view(place.view, question)
        except OtelAgentError as error:
            self._hand_over(self._say_trouble, number, str(error))
        else:
            self._hand_over(self._show, number, drawn(view, self.size.width))

    def _show(self, number: int, found: Drawn) -> None:
        if number != self._asked:
            return
        view, rows = found.view, self.query_one(Rows)
        self._shown = view
        self.query_one("#trouble").display = False
        only = self.query_one("#filter", Input).value.strip().lower()
        rows.show(drawn(view, self.size.width, only) if only else found)
        if isinstance(view, Overview):
            self.query_one("#overview", Static).update(_head(view))
        where = " / ".join((view.name.title(), *self._places[-1].chosen))
        self.query_one("#where", Static).update(Text(f"{where}   {words.range_in_words(view.range)}", no_wrap=True))
        self._say_totals()

    def _say_totals(self) -> None:
        view = self._shown
        if view is None:
            return
        rows = self.query_one(Rows)
        number, kept = rows.kept
        total = words.tokens(shown(view.totals, view.accounting))
        line = f"{words.counted(len(view.rows), 'row')}, {words.counted(view.totals.messages, 'message')}, {total}"
        if rows.only:
            line = f"{words.exact(number)} of {line}; those shown {words.tokens(shown(kept, view.accounting))}"
        notes = [Text(note, style="dim") for note in footnotes(view) or ["No data yet; it appears here by itself."]]
        self.query_one("#foot", Static).update(Group(Text(line, style="bold"), *notes))

    def _say_trouble(self, number: int, what: str) -> None:
        """The last answer stays, and is said to be old."""
        if number != self._asked:
            return
        self.query_one(Rows).loading = False
        old = "" if self._shown is None else f". Shown is what was known at {self._shown.now:%H:%M:%S}."
        trouble = self.query_one("#trouble", Static)
        trouble.update(Text(words.plain(what).rstrip(".") + old))
        trouble.display = True

    def _tick(self) -> None:
        """Each second; a look that takes longer is not joined by a second one."""
        if not any(worker.group == "look" and worker.is_running for worker in self.workers):
            self._look()

    @work(thread=True, group="look")
    def _look(self) -> None:
        """Whether there is anything new, and, where they are on the screen, the processes."""
        changed = self._source.changed()
        processes = self._source.processes() if self._places[-1].view == "overview" else None
        self._hand_over(self._looked, changed, processes)

    def _looked(self, changed: bool, processes: list[Process] | None) -> None:
        if changed or time.monotonic() - self._asked_at > _AGAIN_SECONDS:
            self._load()
        elif processes is not None and isinstance(self._shown, Overview):
            self._shown = replace(self._shown, processes=processes)
            self.query_one("#overview", Static).update(_head(self._shown))

    @work(thread=True, group="keep up")
    def _keep_up(self) -> None:
        """Bring the ledger up to date for as long as the screen is there; where an agent runs, it does."""
        worker = get_current_worker()
        while not worker.is_cancelled:
            began = time.monotonic()
            try:
                self._source.catch_up()
            except OtelAgentError as error:
                self._hand_over(self._say_trouble, self._asked, str(error))
            if self._leaving.wait(max(_LEAST_REST_SECONDS, _REST * (time.monotonic() - began))):
                return

    def _hand_over(self, what: Callable[..., None], *found: object) -> None:
        """To the screen's own thread, unless it is gone."""
        if not self._leaving.is_set():
            self.call_later(what, *found)


def _head(view: Overview) -> Group:
    parts = overview_head(view)
    return Group(*parts, *([Text(), *overview_active(view)] if view.active else []))


def run_live(source: Source, ask: Ask, view: ViewName) -> None:
    """Until ``q``. Raises what a view could not be answered for at all."""
    Live(source, ask, view).run()
