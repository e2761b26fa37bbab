"""``otel-agent messages``."""

import sys
from typing import Annotated, Final

import typer

from otel_agent.cli import summary_options as options
from otel_agent.cli.asked import clock, filters_asked, range_asked
from otel_agent.cli.loading import loaded
from otel_agent.cli.options import ConfigOption
from otel_agent.cli.output import warn_of_ledger
from otel_agent.cli.summary import bring_up_to_date
from otel_agent.cli.terminal import columns
from otel_agent.summary.question import MessageForm, Question

_LATEST: Final = 20


def messages(
    config: ConfigOption = None,
    range_: options.RangeOption = None,
    since: options.SinceOption = None,
    until: options.UntilOption = None,
    tz: options.TzOption = None,
    project: options.ProjectOption = None,
    model: options.ModelOption = None,
    agent: options.AgentOption = None,
    session: options.SessionOption = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="ROWS", help=f"The latest messages; 0 is all. Default: {_LATEST} in a table, else all."
        ),
    ] = None,
    accounting: options.AccountingOption = None,
    form: Annotated[
        MessageForm, typer.Option("--format", metavar="FORMAT", help="table, csv or jsonl (JSON lines).")
    ] = "table",
) -> None:
    """Print each counted message with its facts, for pandas and spreadsheets: otel-agent summary messages."""
    from otel_agent.ledger.queries import open_to_read
    from otel_agent.opencode.git.checkouts import Checkouts
    from otel_agent.summary.messages import message_lines

    settings, now = loaded(config, quiet=True).settings, clock(tz)()
    filters = filters_asked(project, model, agent, session)
    question = Question(
        range=range_asked(range_, since, until, now, default="all"),
        accounting=accounting or settings.accounting,
        filters=filters,
        limit=(_LATEST if form == "table" else None) if limit is None else limit or None,
    )
    if missing := bring_up_to_date(settings):
        typer.echo(f"Warning: {missing}", err=True)
    checkouts = Checkouts() if settings.vcs_attributes else None
    with open_to_read(settings.state_dir) as ledger:
        if ledger is not None:
            warn_of_ledger(ledger)
        sys.stdout.writelines(message_lines(question, ledger, form, now, checkouts=checkouts, width=columns()))
