"""Options that several commands share, as Typer reads them."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

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
