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
            help="Text with {RANGE.FIELD} for numbers: {today.tokens}, {week.cost}, {month.messages}, {all.sessions}; and {budget}, the fullest budget.",
        ),
    ] = "{today.tokens} tokens, {today.cost} USD today",
    config: ConfigOption = None,
    tz: Annotated[str | None, typer.Option(metavar="ZONE", help="Time zone in which days begin.")] = None,
) -> None:
    """Print one line for tmux, waybar or starship, from what is counted already. It never waits for a reading.

    FIELD is tokens, cost, messages, sessions, input, output, reasoning,
    cache_read or cache_write. RANGE is one of summary, such as today or week.
    {today.tokens:exact} has all digits. The parts of {budget} are
    {budget.name}, .used, .limit, .left, .percent and .reached.

    \b
    tmux      set -g status-right '#(otel-agent statusline)'
    waybar    "custom/opencode": {"exec": "otel-agent statusline", "interval": 5}
    starship  custom.opencode = { command = "otel-agent statusline", when = true }
    """
    from otel_agent.ledger.queries import open_to_read
    from otel_agent.summary.status_line import status_line

    settings = loaded(config, quiet=True).settings
    with open_to_read(settings.state_dir) as ledger:
        now = clock(tz)()
        typer.echo(status_line(format_, ledger, accounting=settings.accounting, now=now, budgets=settings.budget))
