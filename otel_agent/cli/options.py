"""Options that several commands share, and the settings that they lead to."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from otel_agent.cli import logs
from otel_agent.settings import Loaded, load

FLAG: Final = ""
"""The metavar of an option without a value: help shows no type beside it."""

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", envvar="OTEL_AGENT_CONFIG", help="Settings file (TOML) to use instead of the default one."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", metavar=FLAG, help="Print JSON, for scripts.")]


LogFormatOption = Annotated[
    Literal["text", "json"] | None,
    typer.Option("--log-format", help="Log lines for people, or one JSON object per line."),
]


def loaded(config: Path | None, *, quiet: bool = False, log_format: str | None = None) -> Loaded:
    """Load the settings and set up the log. ``log_format`` replaces the format of the settings.

    Raises ``SettingsError`` if the settings contain an error.
    """
    # The settings come first: they decide how much is logged, and in which form.
    found = load(config)
    logs.set_up(found.settings.log_level, log_format or found.settings.log_format, quiet=quiet)
    return found
