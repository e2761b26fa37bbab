"""``otel-agent demo``."""

from typing import Annotated

import typer

from otel_agent.cli.loading import loaded
from otel_agent.cli.options import FLAG, ConfigOption


def demo(
    config: ConfigOption = None,
    seconds: Annotated[float, typer.Option("--seconds", min=3, help="How long the live screen lasts.")] = 60,
    still: Annotated[
        bool,
        typer.Option(
            "--still",
            metavar=FLAG,
            help="Show OpenCode's data on this machine, or a sample, instead of the live screen.",
        ),
    ] = False,
) -> None:
    """Try it without OpenCode or a backend: a made-up store, a receiver, and what arrives.

    The demo writes a made-up store for a minute while you watch, even if OpenCode has data on this machine.
    With --still, or without a terminal, it shows OpenCode's data, or a sample if there is none.
    """
    from rich.console import Console

    from otel_agent.demo.play import play

    console = Console()
    live = seconds if console.is_terminal and not still else None
    play(loaded(config, quiet=True).settings, console, live_seconds=live)
