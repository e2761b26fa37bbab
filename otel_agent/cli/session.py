"""``otel-agent session SESSION``."""

import sys
from typing import Annotated

import typer

from otel_agent.cli import completion
from otel_agent.cli import summary_options as options
from otel_agent.cli.asked import clock
from otel_agent.cli.loading import loaded
from otel_agent.cli.options import FLAG, ConfigOption, JsonOption
from otel_agent.cli.output import warn_of_ledger
from otel_agent.cli.summary import bring_up_to_date
from otel_agent.cli.terminal import columns, wrapped
from otel_agent.errors import NothingFound


def session(
    name: Annotated[
        str,
        typer.Argument(
            metavar="SESSION",
            help="The session's id, its end as tables show it, or its title.",
            autocompletion=completion.sessions,
        ),
    ],
    config: ConfigOption = None,
    calls: Annotated[
        bool, typer.Option("--calls", metavar=FLAG, help="List the model calls and tool calls of each turn too.")
    ] = False,
    tz: options.TzOption = None,
    accounting: options.AccountingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the turns of one session: when, how long, how they ended, their calls, tokens and cost."""
    from otel_agent.ledger.queries import open_to_read
    from otel_agent.opencode.git.checkouts import Checkouts
    from otel_agent.summary.formats.session_json import session_json
    from otel_agent.summary.session_choice import sessions_to_choose
    from otel_agent.summary.session_detail import session_detail, session_named
    from otel_agent.summary.text.session_page import session_lines

    settings, now = loaded(config, quiet=True).settings, clock(tz)()
    if missing := bring_up_to_date(settings):
        typer.echo(f"Warning: {missing}", err=True)
    counted, width = accounting or settings.accounting, None if as_json else columns(sys.stderr)
    with open_to_read(settings.state_dir) as ledger:
        if ledger is None:
            raise NothingFound("nothing was counted yet, so there is no session.")
        warn_of_ledger(ledger)
        with ledger.moment():
            checkouts = Checkouts() if settings.vcs_attributes else None
            key = session_named(name, ledger, lambda found: sessions_to_choose(found, ledger, counted, now, width))
            found = session_detail(key, ledger, now, checkouts)
    if as_json:
        typer.echo(session_json(found, counted))
    else:
        for line in session_lines(found, counted, now, with_calls=calls, width=columns()):
            typer.echo(wrapped(line))
