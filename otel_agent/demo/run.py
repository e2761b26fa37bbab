"""The demo: where the data comes from, where it goes, and what came of it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from rich.console import Console

from otel_agent import service
from otel_agent.demo.receiver import Receiver
from otel_agent.demo.show import arrived
from otel_agent.errors import DeliveryError
from otel_agent.opencode.locations import find_stores, locations
from otel_agent.settings import OtlpSettings, Settings


def demo(settings: Settings, console: Console) -> None:
    """Read what OpenCode left on this machine, or the sample, and deliver it.

    To the OTLP endpoint that is configured, as `run --once` would; where none is, to a receiver in this process, with
    a ledger of its own that is thrown away: nothing that the real one owes is taken for delivered.
    Raises ``DeliveryError`` where the configured endpoint does not take it.
    """
    if _configured(settings):
        _to_configured(settings, console)
        return
    with _scratch() as scratch, Receiver() as receiver:
        console.print("No OTLP endpoint is configured: sending to a receiver inside this process.")
        trial = settings.model_copy(
            update={
                "state_dir": scratch / "state",
                "data_dirs": (*settings.data_dirs, *_sample_if_needed(settings, scratch, console)),
                "exporter": "otlp",
                "traces_exporter": None,
                "metrics_exporter": None,
                "otlp": OtlpSettings(endpoint=receiver.endpoint, protocol="http/protobuf"),
            }
        )
        result = service.once(trial)
        if not result.delivered:
            raise DeliveryError(
                f"the demo's own receiver did not take it: {result.spans.reason or result.totals.reason}."
            )
        console.print(f"Counted {result.read.messages} assistant messages in {result.seconds:.1f} s.\n")
        console.print(arrived(receiver))


def _configured(settings: Settings) -> bool:
    variables = (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    )
    return settings.otlp.endpoint is not None or any(os.environ.get(variable) for variable in variables)


def _to_configured(settings: Settings, console: Console) -> None:
    result = service.once(settings)
    service.require_delivery(settings, result)
    console.print(
        f"Counted {result.read.messages} new assistant messages in {result.read.stores} stores; "
        f"{result.spans.taken} spans and {result.totals.taken} data points were taken."
    )


def _sample_if_needed(settings: Settings, scratch: Path, console: Console) -> tuple[Path, ...]:
    """A copy of the sample (SQLite may want to write beside a database) where there is nothing real to show."""
    stores, _ = find_stores(locations(os.environ, settings.data_dirs))
    if stores:
        console.print("Reading what OpenCode left on this machine:")
        for store in stores.values():
            console.print(f"  {store.name}", markup=False, highlight=False)
        return ()
    console.print(
        "There is no OpenCode data on this machine: showing a sample store, written by the real OpenCode 1.1.27 and "
        "1.2.6. [bold]Its people, projects and conversations are made up.[/bold]"
    )
    with as_file(files("otel_agent.demo") / "sample") as sample:
        shutil.copytree(sample, scratch / "opencode")
    return (scratch / "opencode",)


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="otel-agent-demo-") as folder:
        yield Path(folder)
