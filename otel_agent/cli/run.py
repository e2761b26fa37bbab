"""``otel-agent run``."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otel_agent.cli import progress, upgrade
from otel_agent.cli.loading import loaded
from otel_agent.cli.options import FLAG, ConfigOption, LogFormatOption

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
