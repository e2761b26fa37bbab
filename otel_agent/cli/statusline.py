"""``otel-agent statusline``."""

from typing import Annotated

import typer

from otel_agent.cli.asked import clock
from otel_agent.cli.options import ConfigOption, loaded


def statusline(
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="TEXT",
            help="Text with {RANGE.FIELD} for numbers: {today.tokens}, {week.cost}, {month.messages}, {all.sessions}.",
        ),
    ] = "{today.tokens} tokens, {today.cost} USD today",
    config: ConfigOption = None,
    tz: Annotated[str | None, typer.Option(metavar="ZONE", help="Time zone in which days begin.")] = None,
) -> None:
    """Print one line for tmux, waybar or starship, from what is counted already. It never waits for a reading."""
    from otel_agent.ledger.queries import open_to_read
    from otel_agent.summary.status_line import status_line

    settings = loaded(config, quiet=True).settings
    with open_to_read(settings.state_dir) as ledger:
        typer.echo(status_line(format_, ledger, accounting=settings.accounting, now=clock(tz)()))
