"""``otel-agent verify``."""

import sys
import time
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Annotated, Final

import typer

from otel_agent.cli import logs
from otel_agent.cli.asked import clock
from otel_agent.cli.options import ConfigOption, JsonOption
from otel_agent.cli.summary_options import TzOption
from otel_agent.cli.terminal import columns, wrapped
from otel_agent.model.plural import counted

_SILENT_SECONDS: Final = 1.0
"""A recount that takes longer says how far it is."""

_PrometheusOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Also ask this Prometheus (its base address) for the totals of this agent."),
]
_TimeoutOption = Annotated[
    float, typer.Option(min=0.1, max=3600, metavar="SECONDS", help="Longest time for one answer of Prometheus.")
]


def verify(
    config: ConfigOption = None,
    prometheus: _PrometheusOption = None,
    timeout: _TimeoutOption = 30.0,
    tz: TzOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove the count: recount OpenCode's stores from scratch, and name each difference from the ledger and the backend.

    Exit code 0: everything is explained; 1: something is not; 2: there is nothing to compare, or no answer.
    """
    from otel_agent.agent.backend import name_of
    from otel_agent.settings import load
    from otel_agent.verify import show
    from otel_agent.verify.proof import VerifyOptions, verify

    settings = load(config).settings
    logs.set_up("error", "text", quiet=True)
    asked = VerifyOptions(
        day=_day(clock(tz)().tzinfo),
        prometheus=prometheus,
        timeout_seconds=timeout,
        on_record=_progress(),
        backend="" if settings.exporter_of("metrics") == "none" else name_of(settings, "metrics"),
    )
    try:
        report = verify(settings, asked)
    finally:
        _clear()
    typer.echo(show.as_json(report) if as_json else wrapped("\n".join(show.lines(report, columns()))))
    raise typer.Exit(report.exit_code)


def _day(zone: tzinfo | None) -> Callable[[int], str]:
    return lambda at_ms: datetime.fromtimestamp(at_ms / 1000, zone).date().isoformat()


def _progress() -> Callable[[], None]:
    """Return the function that is called for each record; it writes a line now and then if a person looks on."""
    if not sys.stderr.isatty():
        return lambda: None
    began, said, number = time.monotonic(), 0.0, 0

    def count() -> None:
        nonlocal said, number
        number += 1
        now = time.monotonic()
        if now - began > _SILENT_SECONDS and now - said > 0.2:
            said = now
            typer.echo(f"\r{counted(number, 'record')} recounted", nl=False, err=True)

    return count


def _clear() -> None:
    if sys.stderr.isatty():
        typer.echo("\r\x1b[K", nl=False, err=True)
