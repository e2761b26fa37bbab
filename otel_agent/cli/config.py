"""The commands below ``config``."""

from typing import Final

import typer

from otel_agent.cli.options import ConfigOption, JsonOption, loaded

app: Final = typer.Typer(help="Look at the settings.", no_args_is_help=True, epilog="Example: otel-agent config show")


@app.command(epilog="Example: otel-agent config show --json")
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print the effective settings and where each came from; secrets are masked."""
    from rich.console import Console

    from otel_agent.report.settings import settings_json, settings_table

    found = loaded(config)
    if as_json:
        typer.echo(settings_json(found))
    else:
        Console().print(settings_table(found))
