"""``otel-agent run`` and ``otel-agent demo``."""

import logging
from typing import Annotated

import typer

from otel_agent.cli import progress
from otel_agent.cli.options import FLAG, ConfigOption, LogFormatOption, loaded

log = logging.getLogger(__name__)


def run(
    config: ConfigOption = None,
    once: Annotated[
        bool,
        typer.Option(
            "--once", metavar=FLAG, help="Read everything, deliver everything owed, and exit (3: not delivered)."
        ),
    ] = False,
    log_format: LogFormatOption = None,
) -> None:
    """Watch OpenCode's storage and deliver what is new, until SIGTERM or Ctrl-C. SIGHUP reads the settings again."""
    from otel_agent import service

    settings = loaded(config, log_format=log_format).settings
    with progress.shown() as tell:
        if once:
            result = service.once(settings, on_progress=tell)
            log.info("%s", service.said(result))
            service.require_delivery(settings, result)
        else:
            from otel_agent.resident.stay import stay

            stay(settings, lambda: loaded(config, log_format=log_format).settings, on_progress=tell)


def demo(config: ConfigOption = None) -> None:
    """Show the main job with nothing else at hand: a store, a receiver, and what arrives there."""
    from rich.console import Console

    from otel_agent.demo import run as demo_run

    demo_run.demo(loaded(config, quiet=True).settings, Console())
