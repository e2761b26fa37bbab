"""What several commands have in common: options, and the settings that they lead to."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from otel_agent.cli import logs
from otel_agent.settings import Loaded, load

FLAG: Final = ""
"""No type beside an option that takes no value."""

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", envvar="OTEL_AGENT_CONFIG", help="Settings file (TOML) to use instead of the user's own."),
]
JsonOption = Annotated[bool, typer.Option("--json", metavar=FLAG, help="Print JSON, for scripts.")]


LogFormatOption = Annotated[
    Literal["text", "json"] | None, typer.Option("--log-format", help="Lines for people, or one JSON object each.")
]


def loaded(config: Path | None, *, quiet: bool = False, log_format: str | None = None) -> Loaded:
    """The settings, with the log set up as they say, or as the command line does."""
    found = load(config)
    logs.set_up(found.settings.log_level, log_format or found.settings.log_format, quiet=quiet)
    return found
