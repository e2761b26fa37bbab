"""The options of ``otel-agent summary`` as one value, and the question that they ask of each view."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from otel_agent.cli.terminal import can_move_cursor
from otel_agent.errors import UsageError
from otel_agent.summary.amounts import TokensOrCost
from otel_agent.summary.formats import Format, format_of
from otel_agent.summary.question import Accounting, By, Filters, Question, Range, RangeName, Sort
from otel_agent.summary.ranges import custom_range, here, local_zone, named_range, zone_named
from otel_agent.summary.view import ViewName

MOST_ROWS: Final = 20
MOST_PERIODS: Final = 62
"""Rows that a person is shown by default: for a timeline, two months of days."""
_RANGES: Final[dict[ViewName, RangeName]] = {"overview": "today", "timeline": "week"}
"""The default range of a view; all other views show all time."""

_SORTS_OF_TOOLS: Final[tuple[Sort, ...]] = ("calls", "failed", "time")


class Asked(Struct, frozen=True, kw_only=True):
    """What a person asks ``summary`` for. ``None`` and empty values mean that they left an option out."""

    views: tuple[ViewName, ...]
    live: bool = False
    served: bool = False
    port: int | None = None
    range: RangeName | None = None
    since: str | None = None
    until: str | None = None
    by: By | None = None
    filters: Filters = Filters()
    sort: Sort | None = None
    limit: int | None = None
    rolled_up: bool = False
    separate_global: bool = False
    compared: bool = False
    accounting: Accounting | None = None
    form: Format = "table"
    output: Path | None = None
    watched: bool = False
    fail_above: TokensOrCost | None = None
    else_all_time: bool = False
    """Show all time if nothing was used in the range that the view has by itself."""

    def question(self, view: ViewName, now: datetime, accounting: Accounting, range_: RangeName | None) -> Question:
        """Return the question for one view.

        ``now`` is in the zone in which a day begins; ``accounting`` is the one of the settings. ``range_`` is chosen
        on the live screen, and then replaces the range of the command line. Raises ``UsageError`` for a wrong time.
        """
        return Question(
            range=named_range(range_, now) if range_ else self._range(view, now),
            accounting=self.accounting or accounting,
            filters=self.filters,
            sort=self.sort,
            limit=self._limit(view),
            by=self.by or "day",
            rolled_up=self.rolled_up,
            separate_global=self.separate_global,
            compared=self.compared,
            with_rhythm=self.form == "html",
            with_checkouts=self.form in ("json", "csv"),
        )

    def refuse_contradictions(self) -> None:
        """Raise ``UsageError`` if two options cannot be meant together, or if no terminal can show ``--live``."""
        if len(self.views) > 1 and self.form == "csv":
            raise UsageError("CSV is one table: name one view instead of --all-views, or choose --format json.")
        self._refuse_options_of_other_views()
        if self.live and (len(self.views) > 1 or self.form != "table" or self.output is not None):
            raise UsageError("--live is a screen: leave out --all-views, --format, --json and -o.")
        if self.watched and (self.live or self.output is not None):
            raise UsageError("--watch prints the view again and again: leave out --live, which does so itself, and -o.")
        if self.fail_above is not None and (self.live or len(self.views) > 1):
            raise UsageError("--fail-above looks at the total of one view: leave out --live and --all-views.")
        if self.served and not self.live:
            raise UsageError("--serve shows the live screen in a browser: otel-agent summary --live --serve")
        if self.port is not None and not self.served:
            raise UsageError("--port is the port of --serve: otel-agent summary --live --serve --port 8080")
        if self.live and not self.served:
            _refuse_a_terminal_that_cannot()

    def _refuse_options_of_other_views(self) -> None:
        """Raise ``UsageError`` if an option has no effect on the view that is named. A live screen has all views."""
        if self.live or len(self.views) > 1:
            return
        (view,) = self.views
        for given, option, of in (
            (self.by is not None, "--by", "timeline"),
            (self.rolled_up, "--roll-up", "sessions"),
            (self.separate_global, "--separate-global", "projects"),
        ):
            if given and view != of:
                raise UsageError(f"{option} has no effect on {view}. Use it with: otel-agent summary {of}")
        if self.compared and view == "timeline":
            raise UsageError("--compare adds up a range, and a timeline has its parts. Use it with another view.")
        if self.compared and view == "tools":
            raise UsageError("--compare is about tokens. Use it with another view, such as: otel-agent summary models")
        if self.sort in _SORTS_OF_TOOLS and view != "tools":
            raise UsageError(f"--sort {self.sort} has no effect on {view}. Use it with: otel-agent summary tools")

    def _range(self, view: ViewName, now: datetime) -> Range:
        return range_asked(self.range, self.since, self.until, now, default=_RANGES.get(view, "all"))

    def _limit(self, view: ViewName) -> int | None:
        if self.limit is not None:
            return self.limit or None
        # A person scrolls, a script does not: JSON and CSV, and the live screen, have all rows.
        if self.live or self.form in ("json", "csv"):
            return None
        return MOST_PERIODS if view == "timeline" else MOST_ROWS


def _refuse_a_terminal_that_cannot() -> None:
    """Raise ``UsageError`` if no terminal is there that can show a screen."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--live needs a terminal. Leave it out to print the view once.")
    if not can_move_cursor(os.environ):
        raise UsageError(
            f"--live needs a terminal that can move its cursor, and TERM={os.environ.get('TERM', '')} says that this "
            "one cannot. If it can, set TERM to its kind (such as xterm-256color). Leave --live out to print the view "
            "once."
        )


def filters_asked(
    project: list[str] | None, model: list[str] | None, agent: list[str] | None, session: list[str] | None
) -> Filters:
    """Return the filters that four options choose together."""
    return Filters(
        projects=tuple(project or ()),
        models=tuple(model or ()),
        agents=tuple(agent or ()),
        sessions=tuple(session or ()),
    )


def range_asked(
    name: RangeName | None, since: str | None, until: str | None, now: datetime, *, default: RangeName
) -> Range:
    """Return the range that three options choose together. Raises ``UsageError`` if they contradict each other."""
    if name and (since or until):
        raise UsageError("--range and --since/--until contradict each other. Choose one.")
    return custom_range(since, until, now) if since or until else named_range(name or default, now)


def chosen_format(format_: Format | None, as_json: bool, output: Path | None) -> Format:
    """Return the format that ``--format``, ``--json`` and the ending of ``--output`` choose together."""
    if as_json and format_ not in (None, "json"):
        raise UsageError(f"--json and --format {format_} contradict each other. Choose one.")
    if as_json:
        return "json"
    return format_ or (format_of(output) if output else "table")


def clock(tz: str | None) -> Callable[[], datetime]:
    """Return a function that returns the time in the zone of that name or, for ``None``, in the local one.

    The local zone is used by its name, so that a day on which the clock changes begins at midnight too. A local zone
    without a name (``TZ=CET-1CEST``) only has its present offset. Raises ``UsageError`` for an unknown zone.
    """
    if tz is not None:
        zone = zone_named(tz)
        return lambda: datetime.now(zone)
    local = local_zone()
    return lambda: here(datetime.now(UTC)) if local is None else datetime.now(local)
