"""The commands: parse, call, print."""

import sys
from contextlib import suppress

from otel_agent import __version__


def main() -> None:
    """Run the command that was typed, and exit."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Scripts ask for it often. Without Typer and the commands it takes a fifth of the time.
        with suppress(OSError, AttributeError):  # a full disk or a closed stream: below, that becomes a sentence
            print(__version__, flush=True)
            return
    from otel_agent.cli.commands import run_command

    run_command()
