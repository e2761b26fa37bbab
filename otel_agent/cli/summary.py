"""``otel-agent summary``."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, get_args
from zoneinfo import ZoneInfoNotFoundError

import typer

from otel_agent.cli.options import FLAG, ConfigOption, loaded
from otel_agent.cli.output import Format, catch_up, format_of, print_views, write_views
from otel_agent.errors import UsageError
from otel_agent.report.question import RANGE_NAMES, By, Filters, Question, RangeName, Sort
from otel_agent.report.ranges import custom_range, named_range, zone_named
from otel_agent.report.view import VIEW_NAMES, Accounting, Range, ViewName

_MOST_ROWS: Final = 20
_MOST_PERIODS: Final = 62
"""Rows that a person is shown unless they say otherwise: periods two months of days."""

_TIME: Final = "Time"
_WHICH: Final = "Which messages (globs; each may be given more than once)"
_ROWS: Final = "Rows"
_OUTPUT: Final = "Output"


def _any_of(choices: Sequence[str]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}."


def summary(
    view: Annotated[ViewName, typer.Argument(metavar="[VIEW]", help=_any_of(VIEW_NAMES))] = "overview",
    config: ConfigOption = None,
    all_views: Annotated[bool, typer.Option("--all-views", metavar=FLAG, help="All six, one after another.")] = False,
    live: Annotated[
        bool, typer.Option("--live", metavar=FLAG, help="A screen that follows what happens; ? there tells its keys.")
    ] = False,
    range_: Annotated[
        RangeName | None,
        typer.Option(
            "--range",
            metavar="RANGE",
            help=f"{_any_of(RANGE_NAMES)} Week and month are 7 and 30 days. By default overview: today, timeline: week, others: all.",
            rich_help_panel=_TIME,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN", help="2026-11-18, 2026-11-18T14:30, 14:30, yesterday, 7d, 36h …", rich_help_panel=_TIME
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Of a date: the whole of that day.", rich_help_panel=_TIME),
    ] = None,
    tz: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE", help="Whose days, such as Europe/Berlin. By default yours.", rich_help_panel=_TIME
        ),
    ] = None,
    by: Annotated[
        By, typer.Option(metavar="STEP", help=f"Of the timeline: {_any_of(get_args(By))}", rich_help_panel=_TIME)
    ] = "day",
    project: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Its name or directory.", rich_help_panel=_WHICH)
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Model, or provider/model.", rich_help_panel=_WHICH)
    ] = None,
    agent: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Its name.", rich_help_panel=_WHICH)] = None,
    session: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Its id or title.", rich_help_panel=_WHICH)
    ] = None,
    sort: Annotated[
        Sort | None,
        typer.Option(
            metavar="ORDER",
            help=f"{_any_of(get_args(Sort))} By default sessions: last, timeline: first, others: tokens.",
            rich_help_panel=_ROWS,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="ROWS",
            help=f"0: all. By default {_MOST_ROWS}, timeline: {_MOST_PERIODS}; JSON and CSV have all.",
            rich_help_panel=_ROWS,
        ),
    ] = None,
    roll_up: Annotated[
        bool,
        typer.Option(
            "--roll-up", metavar=FLAG, help="Sub-agents' sessions as part of who started them.", rich_help_panel=_ROWS
        ),
    ] = False,
    separate_global: Annotated[
        bool,
        typer.Option(
            "--separate-global", metavar=FLAG, help="Directories outside any project each alone.", rich_help_panel=_ROWS
        ),
    ] = False,
    accounting: Annotated[
        Accounting | None,
        typer.Option(
            metavar="WHICH",
            help="recorded, or disjoint: each token in one category only.",
            rich_help_panel=_ROWS,
        ),
    ] = None,
    format_: Annotated[
        Format | None,
        typer.Option("--format", metavar="FORMAT", help=_any_of(get_args(Format)), rich_help_panel=_OUTPUT),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", metavar=FLAG, help="Short for --format json.", rich_help_panel=_OUTPUT)
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Write there; its ending tells the format.", rich_help_panel=_OUTPUT
        ),
    ] = None,
) -> None:
    """Where the tokens went, on this machine, without any backend."""
    from otel_agent.report.machine import Machine

    form = _form(format_, as_json, output)
    names = VIEW_NAMES if all_views else (view,)
    _refuse_contradictions(
        names, form, live=live, to_file=output is not None, two_ranges=bool(range_ and (since or until))
    )
    settings = loaded(config, quiet=True).settings
    now = _clock(tz)
    filters = Filters(
        projects=tuple(project or ()),
        models=tuple(model or ()),
        agents=tuple(agent or ()),
        sessions=tuple(session or ()),
    )

    def question(name: ViewName, chosen: RangeName | None = None) -> Question:
        return Question(
            range=named_range(chosen, now()) if chosen else _range(range_, since, until, name, now()),
            accounting=accounting or settings.accounting,
            filters=filters,
            sort=sort,
            limit=_limit(limit, name, "json" if live else form),
            by=by,
            rolled_up=roll_up,
            separate_global=separate_global,
        )

    machine = Machine(settings, now)
    if live:
        from otel_agent.report.live.app import run_live

        run_live(machine, question, view)
        return
    catch_up(machine)
    found = [machine.view(name, question(name)) for name in names]
    if output is None:
        print_views(found, form, machine)
    else:
        write_views(output, found, form)


def _form(said: Format | None, as_json: bool, output: Path | None) -> Format:
    if as_json and said not in (None, "json"):
        raise UsageError(f"--json and --format {said} contradict each other. Choose one.")
    if as_json:
        return "json"
    return said or (format_of(output) if output else "table")


def _refuse_contradictions(
    names: Sequence[ViewName], form: Format, *, live: bool, to_file: bool, two_ranges: bool
) -> None:
    if two_ranges:
        raise UsageError("--range and --since/--until contradict each other. Choose one.")
    if len(names) > 1 and form == "csv":
        raise UsageError("CSV is one table: name one view instead of --all-views, or choose --format json.")
    if live and (len(names) > 1 or form != "table" or to_file):
        raise UsageError("--live is a screen: leave out --all-views, --format, --json and -o.")
    if live and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--live needs a terminal. Leave it out to print the view once.")
    if live and not _has_cursor(os.environ):
        raise UsageError(
            f"--live needs a terminal that can move its cursor, and TERM={os.environ.get('TERM', '')} says that this one "
            "cannot. If it can, set TERM to its kind (such as xterm-256color). Leave --live out to print the view once."
        )


def _has_cursor(environ: Mapping[str, str]) -> bool:
    """Whether the terminal can put its cursor anywhere, as far as the system knows its kind."""
    if sys.platform == "win32":  # has no such variable
        return True
    kind = environ.get("TERM") or "unknown"
    if kind in ("dumb", "unknown"):
        return False
    try:
        import curses
    except ImportError:  # an interpreter that was built without it
        return True
    try:
        curses.setupterm(kind, sys.stdout.fileno())
    except curses.error:  # a newer kind than the system's list has: those all can
        return True
    return curses.tigetstr("cup") is not None


def _range(name: RangeName | None, since: str | None, until: str | None, view: ViewName, now: datetime) -> Range:
    if since or until:
        return custom_range(since, until, now)
    defaults: dict[ViewName, RangeName] = {"overview": "today", "timeline": "week"}
    return named_range(name or defaults.get(view, "all"), now)


def _limit(said: int | None, view: ViewName, form: Format) -> int | None:
    if said is not None:
        return said or None
    if form in ("json", "csv"):
        return None
    return _MOST_PERIODS if view == "timeline" else _MOST_ROWS


def _clock(tz: str | None) -> Callable[[], datetime]:
    """Now, in the zone asked for, else in the local one: by its name, so that a day on which the clock changes begins at
    midnight too. A local zone that has none (``TZ=CET-1CEST``) has its present offset only."""
    if tz is not None:
        zone = zone_named(tz)
        return lambda: datetime.now(zone)
    from tzlocal import get_localzone

    try:
        local = get_localzone()
    except (ZoneInfoNotFoundError, ValueError):
        return lambda: datetime.now().astimezone()
    return lambda: datetime.now(local)
