"""The commands below ``config``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from otel_agent.cli.loading import loaded
from otel_agent.cli.options import FLAG, ConfigOption, JsonOption
from otel_agent.errors import SettingsError

if TYPE_CHECKING:
    from otel_agent.settings import Settings

app: Final = typer.Typer(
    help="Show the settings, create a settings file, or check one.",
    no_args_is_help=True,
    epilog="Example: otel-agent config show",
)


@app.command(epilog="Example: otel-agent config show --json")
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print the effective settings and where each comes from. Secrets are masked."""
    from otel_agent.cli.config_table import settings_json, settings_table
    from otel_agent.cli.terminal import console

    found = loaded(config)
    if as_json:
        typer.echo(settings_json(found))
    else:
        console().print(settings_table(found))


@app.command(epilog="Example: otel-agent config init")
def init(
    config: ConfigOption = None,
    force: Annotated[bool, typer.Option("--force", metavar=FLAG, help="Replace an existing file.")] = False,
    print_only: Annotated[
        bool, typer.Option("--print", metavar=FLAG, help="Print the file instead of writing it.")
    ] = False,
) -> None:
    """Write a settings file that explains every setting and gives its default."""
    from otel_agent.settings import default_file
    from otel_agent.settings.administrator import administrators_file
    from otel_agent.settings.user_folders import without_tilde
    from otel_agent.shipped import shipped

    text = shipped("otel-agent.toml")
    if print_only:
        typer.echo(text, nl=False)
        return
    path = without_tilde(config) if config else default_file(os.environ)
    _write(path, text, force=force)
    typer.echo(f"Wrote {path}. After changing it, run `otel-agent config check`.")
    above = administrators_file()
    if above.defaults:
        typer.echo(
            f"It sets everything, so it hides the defaults in {above.path}. Delete the lines that you do not change."
        )


@app.command(epilog="Example: otel-agent config check")
def check(config: ConfigOption = None) -> None:
    """Check the settings, and the files that they name. Exit code 2: they contain an error."""
    from otel_agent.agent.backend import refuse_unusable
    from otel_agent.doctor.named_files import unusable_files, unusable_folder

    found = loaded(config, quiet=True, fully=True)
    doubts = [*refuse_unusable(found.for_export()), *found.notes(), *_unlikely_places(found.settings)]
    wrong = [*unusable_folder("state_dir", found.settings.state_dir), *unusable_files(found.settings)]
    if wrong:
        raise SettingsError("\n".join(wrong))
    for doubt in doubts:
        typer.echo(doubt, err=True)
    where = f"{found.file} and the environment" if found.file else "the environment (there is no settings file)"
    above = f"the administrator's {found.administrator}, " if found.administrator else ""
    typer.echo(f"The settings are valid: {above}{where}.")
    if where_to := _where_to(found.settings):
        typer.echo(where_to)


def _unlikely_places(settings: "Settings") -> list[str]:
    """Return a sentence for each place in which no data of OpenCode's can be."""
    from otel_agent.intake.store_finder import configured_locations
    from otel_agent.opencode.locations import doubts

    return doubts(configured_locations(settings))


def _where_to(settings: "Settings") -> str:
    """Return a sentence about where data goes, if somebody chose that."""
    from otel_agent.doctor.chosen_backend import backend_in_words

    match backend_in_words(settings, tried=False):
        case "none":
            return "Nothing leaves this machine (the exporter is none)."
        case "":
            return ""
        case place:
            return f"`otel-agent run` sends to {place}."


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write the file for its owner only, because headers hold keys. Raises ``SettingsError`` if that fails."""
    from otel_agent.setup.settings_file import write

    # A link to nowhere is somebody's, too.
    if os.path.lexists(path) and not force:
        raise SettingsError(
            f"{path} already exists. Pass --force to replace it, or run `otel-agent config show` to see what it sets."
        )
    write(path, text)
