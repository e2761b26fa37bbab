"""The options of ``otel-agent summary``, as Typer reads them and ``--help`` lists them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

import typer

from otel_agent.cli import completion
from otel_agent.cli.asked import MOST_PERIODS, MOST_ROWS
from otel_agent.cli.options import FLAG
from otel_agent.summary.formats import Format
from otel_agent.summary.question import RANGE_NAMES, Accounting, By, RangeName, Sort
from otel_agent.summary.view import VIEW_NAMES, ViewName

_TIME: Final = "Time"
_WHICH: Final = "Filters (globs such as 'gpt*'; give an option again to add one)"
_ROWS: Final = "Rows"
_OUTPUT: Final = "Output"


def _any_of(choices: Sequence[str]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}."


ViewArgument = Annotated[
    ViewName | None, typer.Argument(metavar="[VIEW]", help=_any_of(VIEW_NAMES), show_default="overview")
]
AllViewsOption = Annotated[
    bool, typer.Option("--all-views", metavar=FLAG, help="Show all seven views, one after another.")
]
LiveOption = Annotated[
    bool, typer.Option("--live", metavar=FLAG, help="Open a live screen that updates itself. Press ? for keys.")
]
ServeOption = Annotated[
    bool,
    typer.Option("--serve", metavar=FLAG, help="With --live: show the screen in a browser of this machine."),
]
PortOption = Annotated[
    int | None,
    typer.Option("--port", metavar="PORT", min=1, max=65535, help="Port of --serve. Default: any that is free."),
]

RangeOption = Annotated[
    RangeName | None,
    typer.Option(
        "--range",
        metavar="RANGE",
        help=f"{_any_of(RANGE_NAMES)} `week` is the last 7 days, `month` the last 30. "
        "Default: today for the overview, week for the timeline, all for other views.",
        rich_help_panel=_TIME,
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="Start, such as 2026-11-18, 2026-11-18T14:30, 14:30, yesterday, 7d or 36h.",
        rich_help_panel=_TIME,
    ),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="End, in the same forms as --since. A date includes the whole of that day.",
        rich_help_panel=_TIME,
    ),
]
TzOption = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE",
        help="Time zone in which days begin, such as Europe/Berlin. Default: your system's.",
        autocompletion=completion.zones,
        rich_help_panel=_TIME,
    ),
]
ByOption = Annotated[
    By | None,
    typer.Option(
        metavar="STEP", help=f"Step of the timeline: {_any_of(get_args(By))} Default: day.", rich_help_panel=_TIME
    ),
]

ProjectOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB", help="Project name or directory.", rich_help_panel=_WHICH, autocompletion=completion.projects
    ),
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB", help="Model or provider/model.", rich_help_panel=_WHICH, autocompletion=completion.models
    ),
]
AgentOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB", help="Name of an OpenCode agent.", rich_help_panel=_WHICH, autocompletion=completion.agents
    ),
]
SessionOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Session id, its end as tables show it, or title.",
        rich_help_panel=_WHICH,
        autocompletion=completion.sessions,
    ),
]

SortOption = Annotated[
    Sort | None,
    typer.Option(
        metavar="ORDER",
        help=f"{_any_of(get_args(Sort))} Default: last for sessions, first for the timeline, calls for tools, tokens for other views. "
        "calls, failed and time (p95) are for tools.",
        rich_help_panel=_ROWS,
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="ROWS",
        help=f"Show at most so many rows; 0 shows all. Default: {MOST_ROWS} ({MOST_PERIODS} in the timeline); JSON and CSV have all.",
        rich_help_panel=_ROWS,
    ),
]
RollUpOption = Annotated[
    bool,
    typer.Option(
        "--roll-up",
        metavar=FLAG,
        help="Count sub-agent sessions as part of the session that started them.",
        rich_help_panel=_ROWS,
    ),
]
SeparateGlobalOption = Annotated[
    bool,
    typer.Option(
        "--separate-global",
        metavar=FLAG,
        help="List each directory outside a project on its own instead of as (global).",
        rich_help_panel=_ROWS,
    ),
]
CompareOption = Annotated[
    Literal["previous"] | None,
    typer.Option(
        "--compare",
        metavar="previous",
        help="Compare with the time before the range, as long as the part of the range that has passed.",
        rich_help_panel=_TIME,
    ),
]
AccountingOption = Annotated[
    Accounting | None,
    typer.Option(
        metavar="WHICH",
        help="recorded: tokens as OpenCode recorded them. disjoint: each token in one category only.",
        rich_help_panel=_ROWS,
    ),
]

FormatOption = Annotated[
    Format | None,
    typer.Option("--format", metavar="FORMAT", help=_any_of(get_args(Format)), rich_help_panel=_OUTPUT),
]
AsJsonOption = Annotated[
    bool, typer.Option("--json", metavar=FLAG, help="Short for --format json.", rich_help_panel=_OUTPUT)
]
WhatNextOption = Annotated[bool, typer.Option("--what-next", metavar=FLAG, hidden=True)]
"""What ``otel-agent`` alone means: the summary, and a line about what else there is."""
FailAboveOption = Annotated[
    str | None,
    typer.Option(
        "--fail-above",
        metavar="AMOUNT",
        help="End with exit code 6 if the total is above this: tokens (5M) or dollars (20USD). For cron and CI.",
        rich_help_panel=_OUTPUT,
    ),
]
WatchOption = Annotated[
    float | None,
    typer.Option(
        "--watch",
        metavar="SECONDS",
        min=1,
        help="Print the view again and again, with so many seconds between, until Ctrl-C.",
        rich_help_panel=_OUTPUT,
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write to FILE. Its ending (.json .csv .md .html .svg .txt) sets the format; - is standard output.",
        rich_help_panel=_OUTPUT,
    ),
]
