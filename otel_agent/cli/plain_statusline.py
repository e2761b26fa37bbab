"""``otel-agent statusline`` as a status bar calls it: alone, or with ``--format``.

That needs no parser and no log. A status bar asks every few seconds, and Typer takes a third of the time of such a call.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from otel_agent.cli import COMPLETE
from otel_agent.cli.asked import clock
from otel_agent.ledger.queries import open_to_read
from otel_agent.settings import load
from otel_agent.summary.status_line import status_line

USUAL: Final = "{today.usage} today"


def plain_format(arguments: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Return the format that the arguments ask for; ``None`` if only Typer can say that."""
    if {"OTEL_AGENT_CONFIG", COMPLETE} & set(environ):
        return None
    match list(arguments):
        case ["statusline"]:
            return USUAL
        case ["statusline", "--format", format_] if not format_.startswith("-"):
            return format_
        case _:
            return None


def print_line(format_: str, config: Path | None, tz: str | None) -> None:
    """Print the line, from what is counted already."""
    settings = load(config).settings
    with open_to_read(settings.state_dir) as ledger:
        now = clock(tz)()
        print(status_line(format_, ledger, accounting=settings.accounting, now=now, budgets=settings.budget))
