"""``otel-agent run`` and ``otel-agent demo``."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otel_agent.cli import progress, upgrade
from otel_agent.cli.options import FLAG, ConfigOption, LogFormatOption, loaded

if TYPE_CHECKING:
    from otel_agent.settings import Settings

log = logging.getLogger(__name__)


def run(
    config: ConfigOption = None,
    once: Annotated[
        bool,
        typer.Option(
            "--once",
            metavar=FLAG,
            help="Read everything, deliver everything pending, and exit (code 3: not delivered).",
        ),
    ] = False,
    log_format: LogFormatOption = None,
) -> None:
    """Watch OpenCode's storage and deliver what is new, until SIGTERM or Ctrl-C. SIGHUP reads the settings again."""
    settings = _settings(config, log_format)
    with upgrade.shown() as on_migration, progress.shown() as on_progress:
        if once:
            from otel_agent.agent.once import require_delivery, run_once

            result = run_once(settings, on_progress=on_progress, on_migration=on_migration)
            log.info("%s", result.in_words)
            require_delivery(settings, result)
        else:
            from otel_agent.agent.resident import run_until_stopped

            run_until_stopped(
                settings,
                lambda: _settings(config, log_format),
                on_progress=on_progress,
                on_migration=on_migration,
            )


def _settings(config: Path | None, log_format: str | None) -> "Settings":
    """Load the settings, and log what an administrator's file overrules."""
    found = loaded(config, log_format=log_format)
    for note in found.notes():
        log.warning("%s", note)
    return found.for_export()


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
