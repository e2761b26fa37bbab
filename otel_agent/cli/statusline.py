"""``otel-agent statusline``, as Typer parses it."""

from typing import Annotated

import typer

from otel_agent.cli.options import ConfigOption
from otel_agent.cli.plain_statusline import USUAL, print_line


def statusline(
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="TEXT",
            help="Text with {RANGE.FIELD} for numbers: {today.tokens}, {week.cost}, {month.messages}, {all.sessions}; and {budget}, the fullest budget.",
        ),
    ] = USUAL,
    config: ConfigOption = None,
    tz: Annotated[str | None, typer.Option(metavar="ZONE", help="Time zone in which days begin.")] = None,
) -> None:
    """Print one line for tmux, waybar or starship, from what is counted already. It never waits for a reading.

    FIELD is tokens, cost, messages, sessions, input, output, reasoning,
    cache_read, cache_write, or usage: tokens and cost in words. RANGE is one of
    summary, such as today or week.
    {today.tokens:exact} has all digits. The parts of {budget} are
    {budget.name}, .used, .limit, .left, .percent and .reached.
    {unreadable} says how many stores cannot be read now. {unreadable:exact}
    is the number alone. Without it, the end of the line says so.

    \b
    tmux      set -g status-right '#(otel-agent statusline)'
    waybar    "custom/opencode": {"exec": "otel-agent statusline", "interval": 5}
    starship  custom.opencode = { command = "otel-agent statusline", when = true }
    """
    print_line(format_, config, tz)
