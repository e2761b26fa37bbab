"""All commands, as Typer parses them. An error becomes a message on standard error and an exit code."""

import io
import os
import sys
from typing import Annotated, Final

import typer

from otel_agent import __version__
from otel_agent.cli import config, service, streams
from otel_agent.cli.doctor import doctor
from otel_agent.cli.help_page import import_help_page
from otel_agent.cli.messages import messages
from otel_agent.cli.options import FLAG
from otel_agent.cli.run import demo, run
from otel_agent.cli.session import session
from otel_agent.cli.setup import setup
from otel_agent.cli.status import status
from otel_agent.cli.statusline import statusline
from otel_agent.cli.summary import summary
from otel_agent.cli.verify import verify
from otel_agent.errors import OtelAgentError

_HELP: Final = ["-h", "--help"]
_COMPLETE: Final = "_OTEL_AGENT_COMPLETE"
app: Final = typer.Typer(
    name="otel-agent",
    help="Make OpenCode observable: report every completed assistant message once, as OTLP metrics and spans.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": _HELP},
    epilog="Example: otel-agent demo",
)
app.command(epilog="Example: otel-agent setup --yes --json")(setup)
app.command(epilog="Example: OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 otel-agent run")(run)
app.command(epilog="Example: otel-agent summary models --since 7d --json")(summary)
app.command(epilog="Example: otel-agent messages --since 7d --format csv")(messages)
app.command(epilog="Example: otel-agent session ZFCqu8kr --calls")(session)
app.command(epilog="Example: otel-agent statusline --format '{today.tokens} · {week.cost} USD'")(statusline)
app.command(epilog="Example: otel-agent status --json")(status)
app.command(epilog="Example: otel-agent doctor --json")(doctor)
app.command(epilog="Example: otel-agent verify --prometheus http://localhost:9090")(verify)
app.command(epilog="Example: otel-agent demo")(demo)
app.add_typer(config.app, name="config")
app.add_typer(service.app, name="service")


def run_command() -> None:
    """Run the command that was typed, and exit. Exit codes: see ``errors``; 130 after Ctrl-C."""
    streams.open_closed_streams(sys.argv[1:])
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a title may have letters that the terminal's encoding lacks
    arguments = _meant(sys.argv[1:])
    if set(_HELP) & set(arguments):
        import_help_page()
    try:
        try:
            app(arguments, prog_name="otel-agent")
        finally:
            sys.stdout.flush()  # here, where a full disk gets a sentence
    except OtelAgentError as error:
        typer.echo(f"otel-agent: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # nobody reads on, as after `| head`: end without Python's own complaint
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if "--install-completion" not in sys.argv:
            streams.drop_output()
            typer.echo(f"otel-agent: {streams.failure_in_words(error)}", err=True)
            sys.exit(1)
        # Typer writes the completions into the home and catches no error. It would end in a traceback.
        typer.echo(
            f"otel-agent: cannot write {error.filename}: {error.strerror}. --show-completion prints what "
            "would be written: save it where your shell looks for completions.",
            err=True,
        )
        sys.exit(1)


def _meant(arguments: list[str]) -> list[str]:
    """Return the arguments that Typer knows for what people type: nothing at all, ``help COMMAND``, and so on."""
    if _COMPLETE in os.environ:
        # A shell asks what to offer. Its words are in another variable, and the help would only take time.
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


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", metavar=FLAG, callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Make OpenCode observable: report every completed assistant message once, as OTLP metrics and spans."""
