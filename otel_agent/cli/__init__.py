"""The commands: parse, call, print."""

import sys

from otel_agent import __version__


def main() -> None:
    """Run the command that was typed, and exit."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Scripts ask for it often. Without Typer and the commands it takes a fifth of the time.
        try:
            print(__version__, flush=True)
        except OSError as error:  # a full disk
            from otel_agent.cli import streams

            streams.drop_output()
            sys.exit(f"otel-agent: {streams.failure_in_words(error)}")
        return
    from otel_agent.cli.commands import run_command

    run_command()
