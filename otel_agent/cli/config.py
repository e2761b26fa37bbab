"""The commands below ``config``."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from otel_agent.cli.options import FLAG, ConfigOption, JsonOption, loaded
from otel_agent.errors import SettingsError

app: Final = typer.Typer(
    help="ReadScope at the settings, begin a settings file, check one.",
    no_args_is_help=True,
    epilog="Example: otel-agent config show",
)


@app.command(epilog="Example: otel-agent config show --json")
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print the effective settings and where each came from; secrets are masked."""
    from rich.console import Console

    from otel_agent.cli.config_table import settings_json, settings_table

    found = loaded(config)
    if as_json:
        typer.echo(settings_json(found))
    else:
        Console().print(settings_table(found))


@app.command(epilog="Example: otel-agent config init")
def init(
    config: ConfigOption = None,
    force: Annotated[bool, typer.Option("--force", metavar=FLAG, help="Replace a file that is there.")] = False,
    print_only: Annotated[bool, typer.Option("--print", metavar=FLAG, help="Show it, and write nothing.")] = False,
) -> None:
    """Write a settings file in which every setting stands with its default and what it is for."""
    from otel_agent.settings import default_file
    from otel_agent.shipped import shipped

    text = shipped("otel-agent.toml")
    if print_only:
        typer.echo(text, nl=False)
        return
    path = config.expanduser() if config else default_file(os.environ)
    _write(path, text, force=force)
    typer.echo(f"Wrote {path}. `otel-agent config check` tells whether it can be used after you changed it.")


@app.command(epilog="Example: otel-agent config check")
def check(config: ConfigOption = None) -> None:
    """Tell whether the settings can be used as they are written. Exit code 2: they cannot."""
    found = loaded(config, quiet=True)
    where = f"{found.file} and the environment" if found.file else "the environment; there is no settings file"
    typer.echo(f"The settings can be used: {where}.")


def _write(path: Path, text: str, *, force: bool) -> None:
    """For its owner only: headers hold keys. Raises ``SettingsError``."""
    if path.exists() and not force:
        raise SettingsError(f"{path} is there already. --force replaces it; `otel-agent config show` reads it.")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror}. Name another with --config.") from None
