"""``otel-agent status``."""

from datetime import UTC, datetime

import typer

from otel_agent.cli.loading import loaded
from otel_agent.cli.options import ConfigOption, JsonOption


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show whether the agent runs and delivers. Exit code 0: both; 3: data is not delivered; 4: nothing can be counted; 5: it does not run."""
    from otel_agent.cli.terminal import console
    from otel_agent.doctor.show import status_json, status_page
    from otel_agent.doctor.status import status_of
    from otel_agent.summary.ranges import here

    now = here(datetime.now(UTC))
    settings = loaded(config, quiet=True)
    found = status_of(settings.settings, now, settings.notes())
    if as_json:
        typer.echo(status_json(found))
    else:
        console().print(status_page(found, now))
    raise typer.Exit(found.exit_code)
