"""The commands below ``service``: parse and print. ``otel_agent/service/systemd.py`` and ``launchd.py`` do the work."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from otel_agent.cli import backend_options
from otel_agent.cli.loading import loaded
from otel_agent.cli.options import FLAG, ConfigOption, JsonOption
from otel_agent.cli.service_here import manager_here, program_here
from otel_agent.errors import UsageError

NOT_RUNNING: Final = 5
"""Exit code of ``service status`` if the service does not run."""

app: Final = typer.Typer(
    help="Start the agent at login and keep it running (systemd, launchd).",
    no_args_is_help=True,
    epilog="Example: otel-agent service install",
)


@app.command(epilog="Example: otel-agent service install --print")
def install(
    config: ConfigOption = None,
    print_only: Annotated[
        bool, typer.Option("--print", metavar=FLAG, help="Print what would be written, and do nothing.")
    ] = False,
    read_only_home: Annotated[
        bool,
        typer.Option(
            "--read-only-home",
            metavar=FLAG,
            help="systemd: let the agent write only its state. Since 254, it then cannot see the projects of OpenCode processes.",
        ),
    ] = False,
    endpoint: backend_options.EndpointOption = None,
    header: backend_options.HeaderOption = None,
    header_file: backend_options.HeaderFileOption = None,
    protocol: backend_options.ProtocolOption = None,
    certificate: backend_options.CertificateOption = None,
) -> None:
    """Write the unit, enable it and start it. Run it again after an upgrade or after moving folders to update it.

    With --endpoint the backend is tried and written into the settings first, as `otel-agent setup` does.
    """
    otlp = backend_options.otlp_asked(endpoint, protocol, certificate, header, header_file)
    if otlp:
        from otel_agent.cli.setup import install_with_backend

        if print_only or read_only_home:
            raise UsageError("--endpoint and --header set the backend up: leave out --print and --read-only-home.")
        install_with_backend(config, otlp)
        return
    manager = manager_here()
    program = program_here(config, read_only_home=read_only_home)
    if print_only:
        typer.echo(manager.rendered(program), nl=False)
        return
    changed = manager.install(program)
    typer.echo(f"{'Installed' if changed else 'Unchanged, and running'}: {manager.file}")
    _print_next_steps(program.environment_file)


def _print_next_steps(environment_file: Path) -> None:
    """Say where addresses and keys belong, because the service does not see this shell's variables."""
    from otel_agent.service.program import not_carried

    typer.echo(f"Put addresses and keys (OTEL_EXPORTER_OTLP_ENDPOINT=…, one per line) into {environment_file}.")
    unseen = not_carried(os.environ)
    if unseen:
        typer.echo(
            f"Set in this shell, but not visible to the service until you add them to that file: {', '.join(unseen)}."
        )
    typer.echo("Next: `otel-agent service status`, `otel-agent status`, `otel-agent doctor`.")
    if sys.platform == "linux":
        typer.echo("To keep it running without a login session: `loginctl enable-linger`.")


@app.command(epilog="Example: otel-agent service uninstall")
def uninstall(config: ConfigOption = None) -> None:
    """Stop the service and remove it. Everything that was counted is kept."""
    manager, state_dir = manager_here(), loaded(config, quiet=True).settings.state_dir
    if manager.uninstall():
        typer.echo(
            f"Removed {manager.file}. The ledger stays in {state_dir}. Delete that folder to forget what was counted."
        )
    else:
        typer.echo(f"Not installed: {manager.file} does not exist.")


@app.command(epilog="Example: otel-agent service status")
def status(as_json: JsonOption = False) -> None:
    """Show the service's state. Exit code 5: it does not run."""
    state = manager_here().state()
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(state, enc_hook=str).decode())
    else:
        typer.echo(state.description)
        typer.echo(str(state.file) if state.installed else "not installed. To install it: `otel-agent service install`")
    if not state.running:
        raise typer.Exit(NOT_RUNNING)


@app.command(epilog="Example: otel-agent service logs --follow")
def logs(
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="How many lines to show, counted from the end.")
    ] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", metavar=FLAG, help="Keep printing new lines.")] = False,
) -> None:
    """Show the service's log."""
    from otel_agent.service.manager import ServiceError

    manager = manager_here()
    command, is_there = manager.log_command(lines, follow=follow), manager.file.exists()
    try:
        done = subprocess.run(command, check=False, stdout=None if is_there or follow else subprocess.PIPE)
        if done.stdout is not None:
            typer.echo(done.stdout, nl=False)
            # A service that was removed has left a log, and one that never was has none.
            if not done.stdout:
                raise ServiceError("the service is not installed. Run `otel-agent service install` first.")
        raise typer.Exit(done.returncode)
    except (FileNotFoundError, PermissionError):  # the second also for a folder of the PATH that may not be searched
        raise ServiceError(f"there is no program {command[0]} here that this user may run.") from None
