"""The way a person took through the views of the live screen, and what they chose on it."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.model.globs import literally
from otel_agent.summary.live.source import Ask
from otel_agent.summary.question import By, Filters, Question, Range, RangeName, Sort
from otel_agent.summary.text.column import name_of
from otel_agent.summary.view import VIEW_NAMES, PeriodRow, Row, ViewName

_BYS: Final[tuple[By, ...]] = ("hour", "day", "week", "month")
_NEXT: Final[dict[ViewName, ViewName]] = {
    "overview": "sessions",
    "projects": "sessions",
    "models": "timeline",
    "agents": "sessions",
    "timeline": "sessions",
    "sessions": "models",
}
"""The view that shows what a row of this view consists of; none does for a tool."""


class Crumb(Struct, frozen=True):
    """One view on the way, with the filters that the rows chosen before it add."""

    view: ViewName
    chosen: tuple[str, ...] = ()
    """The names of the rows that led here."""
    filters: Filters = Filters()
    period: Range | None = None
    """The time of a chosen timeline row; it replaces the range."""
    lasting: tuple[str, ...] = ()
    """Those of ``chosen`` that are no period."""

    def into(self, row: Row, view: ViewName | None = None) -> "Crumb | None":
        """Return the crumb that shows what the row consists of: in ``view``, or in the one that belongs to it.

        ``None`` if there is none: nobody knows which usage a tool's calls caused.
        """
        following = _NEXT.get(self.view)
        if following is None:
            return None
        glob = (literally(row.key),)
        filters, period = self.filters, self.period
        match self.view:
            case "projects":
                filters = replace(filters, project_rows=(row.key,))
            case "models" | "overview":
                filters = replace(filters, models=glob)
            case "agents":
                filters = replace(filters, agents=glob)
            case "sessions":
                filters = replace(filters, sessions=glob)
        # A period narrows the time, not the messages, and a later period replaces an earlier one.
        if isinstance(row, PeriodRow):
            period = Range("custom", row.since, row.until, str(row.since.tzinfo))
        name = name_of(row)
        lasting = self.lasting if isinstance(row, PeriodRow) else (*self.lasting, name)
        return Crumb(view or following, (*self.chosen, name), filters, period, lasting)

    def without_period(self) -> "Crumb":
        """Return the crumb that shows the same in whatever range is chosen."""
        return Crumb(self.view, self.lasting, self.filters, None, self.lasting)

    def narrowed(self, question: Question) -> Question:
        """Return the question, limited to the rows that were chosen on the way."""
        # A row that was chosen wins over the command line's globs of the same kind, which it matched anyway.
        asked = question.filters
        filters = Filters(
            # All of "(global)" is one row, of which a glob may leave something out.
            projects=asked.projects,
            project_rows=self.filters.project_rows,
            models=self.filters.models or asked.models,
            agents=self.filters.agents or asked.agents,
            sessions=self.filters.sessions or asked.sessions,
        )
        return replace(question, filters=filters, range=self.period or question.range, with_trend=True)


class Wish(Struct, frozen=True):
    """Everything that decides a question, except the clock."""

    here: Crumb
    range: RangeName | None
    by: By | None
    sort: Sort | None


class Spot(Struct, frozen=True):
    """Where a person was in a view: the row under the cursor, and the filter they had typed."""

    key: str = ""
    only: str = ""


class Trail:
    """The crumbs from a tab to where the person is, and the range and step that hold for all tabs."""

    def __init__(self, view: ViewName) -> None:
        self._crumbs = [Crumb(view)]
        self._spots: list[Spot] = []
        """Where they were in each view on the way, except the one on the screen."""
        self._sorts: dict[ViewName, Sort] = {}
        """The orders that were chosen by a key or a click."""
        self._range: RangeName | None = None
        """Chosen by a key. ``None``: each view has its own range."""
        self._by: By | None = None
        """Chosen by a key. ``None``: the step that the command line asked for."""

    @property
    def here(self) -> Crumb:
        """The crumb that is on the screen."""
        return self._crumbs[-1]

    @property
    def wish(self) -> Wish:
        """What the question here and now follows from."""
        return Wish(self.here, self._range, self._by, self._sorts.get(self.here.view))

    def open(self, view: ViewName) -> None:
        """Begin a new way at a tab."""
        self._crumbs, self._spots = [Crumb(view)], []

    def open_neighbour(self, offset: int) -> None:
        """Open the tab so many tabs to the right, round and round."""
        self.open(VIEW_NAMES[(VIEW_NAMES.index(self._crumbs[0].view) + offset) % len(VIEW_NAMES)])

    def go_into(self, row: Row, only: str, view: ViewName | None = None) -> bool:
        """Go on to what a row consists of, and return whether there is such a view.

        ``only`` is the filter under which the row was found.
        """
        following = self.here.into(row, view)
        if following is not None:
            self._spots.append(Spot(row.key, only))
            self._crumbs.append(following)
        return following is not None

    def go_back(self) -> Spot | None:
        """Go one crumb back, and return where the person was there; ``None`` if the tab itself is on the screen."""
        if len(self._crumbs) == 1:
            return None
        self._crumbs.pop()
        return self._spots.pop()

    def choose_sort(self, sort: Sort) -> None:
        """Sort the rows of this view so from now on."""
        self._sorts[self.here.view] = sort

    def choose_next_sort(self, offered: Sequence[Sort], now: Sort | None) -> None:
        """Sort by the column after the one that rows are sorted by now."""
        if offered:
            self.choose_sort(offered[(offered.index(now) + 1) % len(offered)] if now in offered else offered[0])

    def choose_range(self, name: RangeName) -> None:
        """Use this range for every view from now on, also for one that showed a single period."""
        self._crumbs = [crumb.without_period() for crumb in self._crumbs]
        self._range = name

    def choose_next_step(self, ask: Ask) -> None:
        """Switch the timeline from hours to days, weeks, months and to hours again."""
        self._by = _BYS[(_BYS.index(self.question(ask).by) + 1) % len(_BYS)]

    def question(self, ask: Ask) -> Question:
        """Return the question to ask here and now."""
        return self._question(self.here, ask)

    def at_tab(self, view: ViewName, ask: Ask) -> tuple[Wish, Question]:
        """Return what would be wished and asked if a person opened this tab now."""
        crumb = Crumb(view)
        return Wish(crumb, self._range, self._by, self._sorts.get(view)), self._question(crumb, ask)

    def _question(self, crumb: Crumb, ask: Ask) -> Question:
        question = ask(crumb.view, self._range)
        sort = self._sorts.get(crumb.view, question.sort)
        return crumb.narrowed(replace(question, by=self._by or question.by, sort=sort))
