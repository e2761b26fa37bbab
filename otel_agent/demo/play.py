"""The demo: where the data comes from, where it goes, and what came of it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import get_args

from msgspec.structs import replace
from rich.console import Console

from otel_agent.agent.once import RunResult, require_delivery, run_once
from otel_agent.demo.arrivals import arrivals_page
from otel_agent.demo.live_demo import run_live_demo
from otel_agent.demo.receiver import Receiver
from otel_agent.errors import DeliveryError
from otel_agent.opencode.locations import find_stores, locations
from otel_agent.semconv import Signal
from otel_agent.settings import OTLP_PREFIX, OtlpSettings, Settings, otlp_variable
from otel_agent.summary.text.words import plain


def play(settings: Settings, console: Console, *, live_seconds: float | None = None) -> None:
    """Read what OpenCode left on this machine, or the sample, and deliver it.

    To the OTLP endpoint that is configured, as `run --once` would; where none is, to a receiver in this process, with
    a ledger of its own that is thrown away: nothing that the real one owes is taken for delivered. With ``live_seconds``
    it is a made store instead, written while one looks on.
    Raises ``DeliveryError`` where the endpoint does not take it.
    """
    if _configured(settings):
        _to_configured(settings, console)
    elif live_seconds is not None:
        _live(settings, console, live_seconds)
    else:
        _to_itself(settings, console)


def _live(settings: Settings, console: Console, seconds: float) -> None:
    with _scratch() as scratch, Receiver() as receiver, _own_environment():
        quick = replace(
            _trial(settings, scratch, receiver),
            data_dirs=(scratch / "opencode",),
            rescan_interval_seconds=0.5,
            metric_export_interval_seconds=1.0,
        )
        os.environ["XDG_DATA_HOME"] = str(scratch / "nothing")
        run_live_demo(quick, scratch / "opencode", receiver, console, seconds)


def _configured(settings: Settings) -> bool:
    """Whether there is an endpoint for both signals: an address for one of them says nothing of the other's."""
    general = settings.otlp.endpoint or os.environ.get(otlp_variable("endpoint"))
    own = [os.environ.get(otlp_variable("endpoint", signal)) for signal in get_args(Signal)]
    return bool(general or all(own))


def _to_configured(settings: Settings, console: Console) -> None:
    result = run_once(settings)
    require_delivery(settings, result)
    console.print(
        f"Counted {result.read.messages} new assistant messages in {result.read.stores} stores; "
        f"{result.spans.accepted} spans and {result.totals.accepted} data points were taken."
    )


def _to_itself(settings: Settings, console: Console) -> None:
    console.print("No OTLP endpoint is configured: sending to a receiver inside this process.")
    with _scratch() as scratch, Receiver() as receiver, _own_environment():
        trial = _trial(settings, scratch, receiver)
        result = _read_own(trial, console)
        if result is None or not result.read.messages:
            result = run_once(_with_sample(trial, scratch, console))
        if not result.delivered:
            reason = result.spans.reason or result.totals.reason
            raise DeliveryError(f"the demo's own receiver did not take it: {reason}.")
        console.print(f"Counted {result.read.messages} assistant messages in {result.seconds:.1f} s.\n")
        console.print(arrivals_page(receiver))


def _trial(settings: Settings, scratch: Path, receiver: Receiver) -> Settings:
    """The same settings, but for where things go, how far back they go, and which of them are shown."""
    return replace(
        settings,
        state_dir=scratch / "state",
        backfill="all",
        exporter="otlp",
        traces_exporter=None,
        metrics_exporter=None,
        genai_semconv="both",
        process_metrics=False,
        discover_stores=False,
        otlp=OtlpSettings(endpoint=receiver.endpoint, protocol="http/protobuf"),
    )


def _read_own(trial: Settings, console: Console) -> RunResult | None:
    """What OpenCode left on this machine; ``None`` where it left nothing."""
    stores, _ = find_stores(locations(os.environ, trial.data_dirs))
    if not stores:
        return None
    console.print("Reading what OpenCode left on this machine:")
    for store in stores.values():
        console.print(f"  {plain(store.name)}", markup=False, highlight=False)
    return run_once(trial)


def _with_sample(trial: Settings, scratch: Path, console: Console) -> Settings:
    """A copy of the sample is read as well: SQLite may want to write beside a database."""
    console.print(
        "OpenCode has no messages on this machine: showing a sample store, written by the real OpenCode 1.1.27 and "
        "1.2.6. [bold]Its people, projects and conversations are made up.[/bold]"
    )
    with as_file(files("otel_agent.demo") / "sample") as sample:
        shutil.copytree(sample, scratch / "opencode")
    # Its sessions are long over: whether they still had series of their own would depend on the day of the demo.
    return replace(trial, data_dirs=(*trial.data_dirs, scratch / "opencode"), metrics_include_session_id=False)


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="otel-agent-demo-") as folder:
        yield Path(folder)


@contextmanager
def _own_environment() -> Iterator[None]:
    """The exporters read the standard variables by themselves, and the variables win over what they are told. Those
    that are set, a proxy too, are meant for another receiver than ours."""
    before = dict(os.environ)
    for variable in before:
        if variable.startswith(OTLP_PREFIX):
            del os.environ[variable]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
