"""The commands: parse, call, print. Errors become a message on standard error and an exit code."""

import io
import logging
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfoNotFoundError

import typer
from rich.console import Console

from otel_agent import __version__
from otel_agent.errors import LedgerHeld, OtelAgentError
from otel_agent.settings import Loaded, load

log = logging.getLogger(__name__)

app: Final = typer.Typer(
    name="otel-agent",
    help="OpenCode, observable: every completed assistant message once, as OTLP counters and spans.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: otel-agent demo",
)
config_app: Final = typer.Typer(
    help="Look at the settings.", no_args_is_help=True, epilog="Example: otel-agent config show"
)
app.add_typer(config_app, name="config")

_FLAG: Final = ""
"""No type beside an option that takes no value."""

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", envvar="OTEL_AGENT_CONFIG", help="Settings file (TOML) to use instead of the user's own."),
]
JsonOption = Annotated[bool, typer.Option("--json", metavar=_FLAG, help="Print JSON, for scripts.")]


class RangeChoice(StrEnum):
    TODAY = "today"
    ALL = "all"


class AccountingChoice(StrEnum):
    RECORDED = "recorded"
    DISJOINT = "disjoint"


def main() -> None:
    """The console script. Exit codes: see ``errors``; 130 after Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a title may hold what the terminal's encoding does not
    try:
        app(prog_name="otel-agent")
    except OtelAgentError as error:
        typer.echo(f"otel-agent: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", metavar=_FLAG, callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """OpenCode, observable: every completed assistant message once, as OTLP counters and spans."""


@app.command(epilog="Example: OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 otel-agent run")
def run(
    config: ConfigOption = None,
    once: Annotated[
        bool,
        typer.Option(
            "--once", metavar=_FLAG, help="Read everything, deliver everything owed, and exit (3: not delivered)."
        ),
    ] = False,
) -> None:
    """Watch OpenCode's storage and deliver what is new, until SIGTERM or Ctrl-C."""
    from otel_agent import resident, service

    settings = _loaded(config).settings
    if once:
        result = service.once(settings)
        log.info("%s", service.said(result))
        service.require_delivery(settings, result)
    else:
        resident.stay(settings)


@app.command(epilog="Example: otel-agent summary --range all --json")
def summary(
    config: ConfigOption = None,
    range_: Annotated[RangeChoice, typer.Option("--range", help="What to add up.")] = RangeChoice.TODAY,
    accounting: Annotated[
        AccountingChoice | None, typer.Option("--accounting", help="As recorded, or each token in one category only.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Where the tokens went, on this machine, without any backend."""
    from otel_agent import intake
    from otel_agent.ledger.queries import open_to_read
    from otel_agent.report.as_json import overview_json
    from otel_agent.report.overview import overview
    from otel_agent.report.tables import no_data, overview_table

    settings = _loaded(config, quiet=True).settings
    try:
        intake.catch_up(settings)
    except LedgerHeld:
        log.debug("another agent keeps the ledger up to date")
    with open_to_read(settings.state_dir) as ledger:
        chosen = accounting.value if accounting else settings.accounting
        found = overview(ledger, range_.value, chosen, _now())
    if as_json:
        typer.echo(overview_json(found))
    else:
        Console().print(no_data(intake.looked_in(settings)) if found.newest is None else overview_table(found))


@app.command(epilog="Example: otel-agent demo")
def demo(config: ConfigOption = None) -> None:
    """Show the main job with nothing else at hand: a store, a receiver, and what arrives there."""
    from otel_agent.demo import run as demo_run

    demo_run.demo(_loaded(config, quiet=True).settings, Console())


@config_app.command("show", epilog="Example: otel-agent config show --json")
def config_show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print the effective settings and where each came from; secrets are masked."""
    from otel_agent.report.settings import settings_json, settings_table

    found = _loaded(config)
    if as_json:
        typer.echo(settings_json(found))
    else:
        Console().print(settings_table(found))


def _now() -> datetime:
    """In the local zone: by its name, so that a day on which the clock changes begins at midnight too. A zone that has
    none (``TZ=CET-1CEST``) has its present offset only."""
    from tzlocal import get_localzone

    try:
        return datetime.now(get_localzone())
    except (ZoneInfoNotFoundError, ValueError):
        return datetime.now().astimezone()


def _loaded(config: Path | None, *, quiet: bool = False) -> Loaded:
    """The settings, with the log set up as they say. ``quiet``: warnings only, beside what a command prints."""
    found = load(config)
    level = logging.getLevelNamesMapping()[found.settings.log_level.upper()]
    logging.basicConfig(
        level=max(level, logging.WARNING) if quiet else level,
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
