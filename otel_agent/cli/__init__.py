"""The commands: parse, call, print."""

import os
import sys

from otel_agent import __version__
from otel_agent.collecting import collect_seldom

COMPLETE = "_OTEL_AGENT_COMPLETE"
"""The variable with which a shell asks what to offer."""


def main() -> None:
    """Run the command that was typed, and exit."""
    try:
        _main()
    except KeyboardInterrupt:  # before ``ending`` was there to catch it
        sys.exit(130)


def _main() -> None:
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Scripts ask for it often. Without Typer and the commands it takes a fifth of the time.
        try:
            print(__version__, flush=True)
        except OSError as error:  # a full disk
            from otel_agent.cli import streams

            streams.drop_output()
            sys.exit(f"otel-agent: {streams.failure_in_words(error)}")
        return
    if sys.argv[1:2] in (["summary"], ["statusline"]) and "--live" not in sys.argv:
        # A report keeps nearly all that it makes until it is printed. A search after each 700 takes a twentieth of its time.
        collect_seldom()
    from otel_agent.cli import streams
    from otel_agent.cli.endings import ending
    from otel_agent.cli.lean_imports import import_msgspec

    streams.open_closed_streams(sys.argv[1:])
    streams.choose_encoding(sys.argv[1:])
    import_msgspec()
    with ending():
        _run(_meant(sys.argv[1:]))


def _run(arguments: list[str]) -> None:
    if arguments[:1] == ["summary"]:
        from otel_agent.cli.plain import plain_summary, show_plain

        if asked := plain_summary(arguments, os.environ):
            show_plain(asked, with_what_next="--what-next" in arguments)
            return
    if arguments[:1] == ["statusline"]:
        from otel_agent.cli.plain_statusline import plain_format, print_line

        if (format_ := plain_format(arguments, os.environ)) is not None:
            print_line(format_, None, None)
            return
    from otel_agent.cli.commands import run_command

    run_command(arguments)


def _meant(arguments: list[str]) -> list[str]:
    """Return the arguments that Typer knows for what people type: nothing at all, ``help COMMAND``, and so on."""
    if COMPLETE in os.environ:
        # The words of the shell are in another variable, and the help would only take time.
        return arguments
    match arguments:
        case []:
            # A person wants to see something; a script that forgot its command needs to know what there is.
            return ["summary", "--what-next"] if sys.stdout.isatty() else ["--help"]
        case ["help", *command]:
            return [*command, "--help"]
        case ["summary", "messages" | "session" as command, *rest]:
            return [command, *rest]
        case _:
            return arguments
