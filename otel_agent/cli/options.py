"""What several commands have in common: options, and the settings that they lead to."""

import logging
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from otel_agent.settings import Loaded, load

FLAG: Final = ""
"""No type beside an option that takes no value."""

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", envvar="OTEL_AGENT_CONFIG", help="Settings file (TOML) to use instead of the user's own."),
]
JsonOption = Annotated[bool, typer.Option("--json", metavar=FLAG, help="Print JSON, for scripts.")]


def loaded(config: Path | None, *, quiet: bool = False) -> Loaded:
    """The settings, with the log set up as they say. ``quiet``: errors only; what a reader has to know is part of what
    the command prints."""
    found = load(config)
    level = logging.getLevelNamesMapping()[found.settings.log_level.upper()]
    logging.basicConfig(
        level=max(level, logging.ERROR) if quiet else level,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        force=True,
    )
    logging.getLogger("urllib3").setLevel(logging.INFO)  # what it says beyond that holds whole addresses, with keys
    sdk = logging.getLogger("opentelemetry")  # says in its own words, once a try, what we say once in ours
    sdk.propagate = False
    sdk.addHandler(logging.NullHandler())
    return found
