"""All commands, as Typer parses them."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Annotated, Any, Final, NamedTuple

import typer

from otel_agent import __version__
from otel_agent.cli import COMPLETE
from otel_agent.cli.help_page import import_help_page
from otel_agent.cli.options import FLAG
from otel_agent.cli.zsh_completion import answer_first_tab, say_shells_by_name
from otel_agent.errors import OtelAgentError

_HELP: Final = ["-h", "--help"]
_COMPLETIONS: Final = {"--install-completion", "--show-completion"}


class Command(NamedTuple):
    """A command, or a group of commands, and how the list of all commands shows it."""

    help: str
    """The first paragraph of its own help page."""
    example: str = ""
    """A group gives its own."""
    module: str = ""
    """The module of ``cli`` with the command's function; empty if it has the command's name."""


COMMANDS: Final[Mapping[str, Command]] = {
    "setup": Command(
        "Set everything up: where data goes, the history, and the service at login. It asks, or takes --yes.",
        "otel-agent setup --yes --json",
    ),
    "run": Command(
        "Watch OpenCode's storage and deliver what is new, until SIGTERM or Ctrl-C. SIGHUP reads the settings again.",
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 otel-agent run",
    ),
    "summary": Command(
        "Show where the tokens went on this machine, without any backend.",
        "otel-agent summary models --since 7d --json",
        "summary_command",
    ),
    "messages": Command(
        "Print each counted message with its facts, for pandas and spreadsheets: otel-agent summary messages.",
        "otel-agent messages --since 7d --format csv",
    ),
    "session": Command(
        "Print the turns of one session: when, how long, how they ended, their calls, tokens and cost.",
        "otel-agent session ZFCqu8kr --calls",
    ),
    "statusline": Command(
        "Print one line for tmux, waybar or starship, from what is counted already. It never waits for a reading.",
        "otel-agent statusline --format '{today.tokens} · {week.cost} USD'",
    ),
    "status": Command(
        "Show whether the agent runs and delivers. Exit code 0: both; 3: data is not delivered; "
        "4: nothing can be counted; 5: it does not run.",
        "otel-agent status --json",
    ),
    "doctor": Command(
        "Check every link from OpenCode's storage to the backend, and say what to do. Exit code 1: a check failed.",
        "otel-agent doctor --json",
    ),
    "verify": Command(
        "Prove the count: recount OpenCode's stores from scratch, and name each difference from the ledger and the backend.",
        "otel-agent verify --prometheus http://localhost:9090",
    ),
    "demo": Command(
        "Try it without OpenCode or a backend: a made-up store, a receiver, and what arrives.", "otel-agent demo"
    ),
    "config": Command("Show the settings, create a settings file, or check one."),
    "service": Command("Start the agent at login and keep it running (systemd, launchd)."),
}
"""All commands in the order of the help page. Only the one that was typed is imported: all of them take 0.03 s."""


def app(commands: Sequence[str] = tuple(COMMANDS)) -> typer.Typer:
    """Return the command line. All commands have their names in it, and only ``commands`` can be called."""
    made = typer.Typer(
        name="otel-agent",
        help="Make OpenCode observable: report every completed assistant message once, as OTLP metrics and spans.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": _HELP},
        epilog="Example: otel-agent demo",
    )
    made.callback()(_root)
    for name, command in COMMANDS.items():
        if name not in commands:
            made.command(name, help=command.help)(_not_imported)
            continue
        module: Any = import_module(f"otel_agent.cli.{command.module or name}")
        if command.example:
            made.command(name, epilog=f"Example: {command.example}")(getattr(module, name))
        else:
            made.add_typer(module.app, name=name)
    return made


def _not_imported() -> None:
    """Hold the place of a command that was not typed."""


def run_command(arguments: Sequence[str]) -> None:
    """Run the command that the arguments name, and exit. ``endings`` knows what becomes of an error."""
    if set(_HELP) & set(arguments):
        import_help_page()
    if _COMPLETIONS & set(arguments):
        answer_first_tab()
        _obey_a_named_shell(arguments)
    try:
        app(_named(arguments))(arguments, prog_name="otel-agent")
    except OSError as error:
        if isinstance(error, BrokenPipeError) or "--install-completion" not in arguments:
            raise
        # Typer writes the completions into the home and catches no error. It would end in a traceback.
        raise OtelAgentError(
            f"cannot write {error.filename}: {error.strerror}. --show-completion prints what "
            "would be written: save it where your shell looks for completions."
        ) from None


def _obey_a_named_shell(arguments: Sequence[str]) -> None:
    """Let ``--install-completion zsh`` be about zsh. Typer would ignore the name, and take the shell that called."""
    for option, after in pairwise(arguments):
        if option in _COMPLETIONS and not after.startswith("-"):
            # It has no other way to switch its guess off.
            os.environ["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"
            say_shells_by_name()


def _named(arguments: Sequence[str]) -> Sequence[str]:
    """Return the command that the arguments name, or the words for which a shell wants completions."""
    if COMPLETE in os.environ:
        # Bash has a variable of its own, the other shells share one. The first word is the program.
        arguments = os.environ.get("COMP_WORDS", os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()[1:]
    # No option before the command takes a value, so the first word is its name.
    return [each for each in arguments if not each.startswith("-")][:1]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", metavar=FLAG, callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Make OpenCode observable: report every completed assistant message once, as OTLP metrics and spans."""
