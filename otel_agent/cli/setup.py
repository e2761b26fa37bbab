"""``otel-agent setup``."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from otel_agent.cli import backend_options as options
from otel_agent.cli import logs
from otel_agent.cli.options import FLAG, ConfigOption, JsonOption
from otel_agent.errors import OtelAgentError, UsageError
from otel_agent.setup.result import SetupResult

if TYPE_CHECKING:
    from otel_agent.setup.apply import Changes
    from otel_agent.setup.plan import Choices, Present
    from otel_agent.setup.trial import Trial
    from otel_agent.setup.wish import Wish

_NEXT: Final = (
    ("otel-agent summary", "where the tokens went"),
    ("otel-agent summary --live", "the same on a screen that updates itself"),
    ("otel-agent status", "does the agent run and deliver"),
    ("otel-agent doctor", "why something does not work"),
)


def setup(
    config: ConfigOption = None,
    local: Annotated[
        bool, typer.Option("--local", metavar=FLAG, help="Keep everything on this machine: only summaries.")
    ] = False,
    endpoint: options.EndpointOption = None,
    header: options.HeaderOption = None,
    header_file: options.HeaderFileOption = None,
    protocol: options.ProtocolOption = None,
    certificate: options.CertificateOption = None,
    backfill: Annotated[
        str | None,
        typer.Option(metavar="HOW MUCH", help="History that the first start counts: all, none, or such as 30d."),
    ] = None,
    service: Annotated[
        bool | None,
        typer.Option("--service/--no-service", help="Start the agent at login. Default: if there is a backend."),
    ] = None,
    request: Annotated[
        bool, typer.Option("--request/--no-request", help="Send a request that tries the backend.")
    ] = True,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", metavar=FLAG, help="Ask nothing: options and OTEL_EXPORTER_OTLP_… decide.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar=FLAG, help="Say what would be done, and change nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Set everything up: where data goes, the history, and the service at login. It asks, or takes --yes.

    Exit code 0: set up, or it was already; 1: no service; 2: unusable settings; 3: the backend did not accept a request.
    """
    from otel_agent.settings.administrator import locked_otlp
    from otel_agent.setup.plan import Choices
    from otel_agent.setup.wish import from_environment

    logs.set_up("error", "text", quiet=True)
    asks = not (yes or as_json)
    try:
        if asks and not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageError(_without_terminal(chosen=local or endpoint is not None))
        given = options.otlp_asked(endpoint, protocol, certificate, header, header_file)
        if local and given:
            raise UsageError("--local sends nothing: leave out the options of a backend.")
        otlp = {} if local else from_environment(os.environ, locked_otlp()) | given
        wanted = Choices(local=local, otlp=otlp, backfill=backfill, service=service, carries=not asks)
        if asks:
            _ask(config, wanted, tries=request, dry=dry_run)
        else:
            _finish(config, wanted, tries=request, dry=dry_run, as_json=as_json)
    except typer.Abort:
        typer.echo("\nNothing was changed.", err=True)
        raise typer.Exit(130) from None
    except OtelAgentError as error:
        if not as_json:
            raise
        _end(SetupResult.UNUSABLE, {"reason": str(error)}, as_json=True)


def _without_terminal(*, chosen: bool) -> str:
    """Return what to do without a terminal. ``chosen`` says that the options name where data goes."""
    if chosen:
        how = "In a script, add --yes to the same command."
    else:
        how = "In a script, set OTEL_EXPORTER_OTLP_ENDPOINT and run: otel-agent setup --yes --json"
    return f"setup asks questions and needs a terminal. {how}"


def _ask(config: Path | None, given: "Choices", *, tries: bool, dry: bool) -> None:
    from otel_agent.cli.setup_questions import questions
    from otel_agent.settings import settings_path
    from otel_agent.setup.plan import present

    now = present(settings_path(config))
    wish = questions(now, given, tries=tries)
    if wish is None:
        typer.echo("Nothing was changed.")
        raise typer.Exit(SetupResult.NOT_ACCEPTED.exit_code)
    _carry_out(config, now, wish, None, dry=dry, as_json=False)


def install_with_backend(config: Path | None, otlp: dict[str, Any]) -> None:
    """Do what ``service install`` does, and write the backend into the settings before."""
    from otel_agent.setup.plan import Choices

    _finish(config, Choices(otlp=otlp, service=True), tries=True, dry=False, as_json=False)


def _finish(config: Path | None, wanted: "Choices", *, tries: bool, dry: bool, as_json: bool) -> None:
    """Do without a question what is wanted, and end with the exit code of the result."""
    from otel_agent.settings import settings_path
    from otel_agent.setup.plan import changes, present, tried, wish_of

    now = present(settings_path(config))
    wish = wish_of(wanted, now)
    changes(wish, now)  # what cannot be used is refused before anything is sent
    trial = None
    if wish.exporter != "none" and tries:
        wish, trial = tried(wish, now)
        if not trial.accepted:
            facts = {"reason": trial.reason, **_facts(now, wish, trial)}
            _end(SetupResult.NOT_ACCEPTED, facts, as_json=as_json)
    _carry_out(config, now, wish, trial, dry=dry, as_json=as_json)


def _carry_out(
    config: Path | None, now: "Present", wish: "Wish", trial: "Trial | None", *, dry: bool, as_json: bool
) -> None:
    from otel_agent.cli.service_here import manager_here, program_here
    from otel_agent.setup.apply import carry_out
    from otel_agent.setup.plan import changes

    found = changes(wish, now)
    result, reason = carry_out(
        found,
        manager=manager_here if wish.service else None,
        program=lambda: program_here(config, read_only_home=False),
        dry=dry,
    )
    if as_json:
        _end(result, {"reason": reason, **_facts(now, wish, trial)}, as_json=True)
    _say(result, reason, found, wish)
    raise typer.Exit(result.exit_code)


def _facts(now: "Present", wish: "Wish", trial: "Trial | None") -> dict[str, Any]:
    from otel_agent.delivery.addresses import without_secrets

    endpoint = wish.otlp.get("endpoint") or now.settings.otlp.endpoint
    local = wish.exporter == "none"
    return {
        "local": local,
        "endpoint": None if local or endpoint is None else without_secrets(endpoint),
        "accepted": None if trial is None else trial.accepted,
        "settings_file": str(now.path),
        "administrator": str(now.administrator) if now.administrator else None,
        "service": wish.service,
    }


def _end(result: SetupResult, facts: dict[str, Any], *, as_json: bool) -> None:
    """Print a result that ends the command, and exit."""
    if as_json:
        # What every command says of a failure goes beside what only this one knows.
        failure = {"error": facts["reason"]} if result.exit_code else {}
        verdict = {"ok": not result.exit_code, "exit_code": result.exit_code, **failure}
        typer.echo(json.dumps({"result": result, **facts, **verdict}, indent=2))
    else:
        typer.echo(f"otel-agent: nothing was changed. {facts['reason']}", err=True)
        typer.echo("Correct that, or use `otel-agent setup --yes --no-request` to set it up all the same.", err=True)
    raise typer.Exit(result.exit_code)


def _say(result: SetupResult, reason: str, found: "Changes", wish: "Wish") -> None:
    from otel_agent.doctor.named_files import unusable_files
    from otel_agent.settings import load

    if result is SetupResult.WOULD_INSTALL:
        _say_plan(found, wish)
        return
    if found.settings.is_needed:
        typer.echo(f"Wrote {found.settings.path}, which only you can read.")
    if found.variables.is_needed:
        typer.echo(f"Wrote {found.variables.path}, the variables of the service.")
    for sentence in unusable_files(load(found.settings.path).settings):
        typer.echo(sentence, err=True)
    if result is SetupResult.NO_SERVICE:
        typer.echo(f"The service is not installed: {reason}", err=True)
    elif result is SetupResult.ALREADY_INSTALLED:
        typer.echo("Everything is set up already.")
    elif wish.service:
        from otel_agent.cli.service_here import manager_here

        typer.echo(f"Installed and started: {manager_here().file}")
        if sys.platform == "darwin":
            typer.echo("Services of launchd were not tested on a Mac: `otel-agent service status` shows if it runs.")
    typer.echo("Next:")
    for command, meaning in _NEXT:
        typer.echo(f"  {command:<28}{meaning}")


def _say_plan(found: "Changes", wish: "Wish") -> None:
    if found.settings.is_needed:
        typer.echo(f"Would write {found.settings.path}.")
    if found.variables.is_needed:
        names = ", ".join(sorted({*wish.variables, *wish.forgotten}))
        typer.echo(f"Would write {found.variables.path} ({names}).")
    if wish.service:
        from otel_agent.cli.service_here import manager_here

        typer.echo(f"Would install {manager_here().file}.")
    typer.echo("Nothing was changed.")
