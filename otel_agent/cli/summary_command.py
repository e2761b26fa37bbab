"""``otel-agent summary``, as Typer parses it."""

import sys
import threading
from pathlib import Path
from typing import Final

from otel_agent.cli import summary_options as options
from otel_agent.cli.asked import Asked, chosen_format, clock, filters_asked
from otel_agent.cli.loading import loaded
from otel_agent.cli.options import ConfigOption
from otel_agent.cli.plain import WHAT_NEXT
from otel_agent.cli.serving import in_browser, serve_screen
from otel_agent.cli.summary import show
from otel_agent.cli.terminal import wrapped
from otel_agent.errors import UsageError
from otel_agent.summary.amounts import amount
from otel_agent.summary.view import VIEW_NAMES

STANDARD_OUTPUT: Final = Path("-")


def summary(
    view: options.ViewArgument = None,
    config: ConfigOption = None,
    all_views: options.AllViewsOption = False,
    live: options.LiveOption = False,
    serve: options.ServeOption = False,
    port: options.PortOption = None,
    range_: options.RangeOption = None,
    since: options.SinceOption = None,
    until: options.UntilOption = None,
    tz: options.TzOption = None,
    by: options.ByOption = None,
    project: options.ProjectOption = None,
    model: options.ModelOption = None,
    agent: options.AgentOption = None,
    session: options.SessionOption = None,
    sort: options.SortOption = None,
    limit: options.LimitOption = None,
    roll_up: options.RollUpOption = False,
    separate_global: options.SeparateGlobalOption = False,
    compare: options.CompareOption = None,
    accounting: options.AccountingOption = None,
    format_: options.FormatOption = None,
    as_json: options.AsJsonOption = False,
    output: options.OutputOption = None,
    fail_above: options.FailAboveOption = None,
    watch: options.WatchOption = None,
    what_next: options.WhatNextOption = False,
) -> None:
    """Show where the tokens went on this machine, without any backend."""
    if all_views and view is not None:
        raise UsageError(f"{view} is one view, and --all-views shows all of them. Leave one of the two out.")
    filters = filters_asked(project, model, agent, session)
    asked = Asked(
        views=VIEW_NAMES if all_views else (view or "overview",),
        live=live,
        served=serve,
        port=port,
        range=range_,
        since=since,
        until=until,
        by=by,
        filters=filters,
        sort=sort,
        limit=limit,
        rolled_up=roll_up,
        separate_global=separate_global,
        compared=compare is not None,
        accounting=accounting,
        form=chosen_format(format_, as_json, output),
        watched=watch is not None,
        fail_above=None if fail_above is None else amount("--fail-above", fail_above),
        output=None if output == STANDARD_OUTPUT else output,
        else_all_time=what_next,
    )
    asked.refuse_contradictions()
    settings = loaded(config, quiet=True).settings
    if serve and not in_browser():
        serve_screen(port or 0)
        return
    show(asked, settings, clock(tz))
    if what_next:
        print(f"\n{wrapped(WHAT_NEXT)}")
    while watch is not None:
        threading.Event().wait(watch)
        if sys.stdout.isatty():
            # From the top, as `watch` does: what is above stays in the terminal's memory.
            print("\x1b[H\x1b[2J", end="")
        show(asked, settings, clock(tz))
