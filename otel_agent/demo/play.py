"""Plays the demo: chooses where the data comes from and where it goes, and says what came of it."""

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
from otel_agent.model.plural import counted
from otel_agent.opencode.locations import find_stores, locations
from otel_agent.semconv import Signal
from otel_agent.settings import OTLP_PREFIX, OtlpSettings, Settings, otlp_variable
from otel_agent.summary.text.words import plain


def play(settings: Settings, console: Console, *, live_seconds: float | None = None) -> None:
    """Read what OpenCode left on this machine, or a sample, and deliver it.

    If an OTLP endpoint is configured, the data goes there, as with ``run --once``. If not, it goes to a receiver in
    this process, from a ledger of its own that is thrown away. Pending spans of the real ledger stay pending.
    ``live_seconds`` makes it read a made-up store instead, while that is being written.
    Raises ``DeliveryError`` if the endpoint does not accept the data.
    """
    if _has_endpoint(settings):
        _deliver_to_endpoint(settings, console)
    elif live_seconds is not None:
        _play_live(settings, console, live_seconds)
    else:
        _deliver_to_itself(settings, console)


def _play_live(settings: Settings, console: Console, seconds: float) -> None:
    with _scratch() as scratch, Receiver() as receiver, _own_environment():
        quick = replace(
            _trial(settings, scratch, receiver),
            data_dirs=(scratch / "opencode",),
            rescan_interval_seconds=0.5,
            metric_export_interval_seconds=1.0,
        )
        # The made-up store is all that the demo may find: not the user's own beside it.
        os.environ["XDG_DATA_HOME"] = str(scratch / "nothing")
        run_live_demo(quick, scratch / "opencode", receiver, console, seconds)


def _has_endpoint(settings: Settings) -> bool:
    """True if both signals have an endpoint: an address for one of them says nothing about the other."""
    general = settings.otlp.endpoint or os.environ.get(otlp_variable("endpoint"))
    own = [os.environ.get(otlp_variable("endpoint", signal)) for signal in get_args(Signal)]
    return bool(general or all(own))


def _deliver_to_endpoint(settings: Settings, console: Console) -> None:
    result = run_once(settings)
    require_delivery(settings, result)
    console.print(
        f"Counted {counted(result.read.messages, 'new assistant message')} in {counted(result.read.stores, 'store')}; "
        f"delivered {counted(result.spans.accepted, 'span')} and {counted(result.totals.accepted, 'data point')}."
    )


def _deliver_to_itself(settings: Settings, console: Console) -> None:
    console.print("No OTLP endpoint is configured: sending to a receiver inside this process.")
    with _scratch() as scratch, Receiver() as receiver, _own_environment():
        trial = _trial(settings, scratch, receiver)
        result = _read_own(trial, console)
        # A fresh install of OpenCode has a store without messages: then the sample says more.
        if result is None or not result.read.messages:
            result = run_once(_with_sample(trial, scratch, console))
        if not result.delivered:
            reason = result.spans.reason or result.totals.reason
            raise DeliveryError(f"the demo's own receiver did not accept the data: {reason}.")
        console.print(f"Counted {counted(result.read.messages, 'assistant message')} in {result.seconds:.1f} s.\n")
        console.print(arrivals_page(receiver))


def _trial(settings: Settings, scratch: Path, receiver: Receiver) -> Settings:
    """Return the settings for a trial: other destinations, the whole history, and nothing but counts of messages."""
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
    """Read and deliver what OpenCode left on this machine. Return ``None`` if there is no store."""
    stores, _ = find_stores(locations(os.environ, trial.data_dirs))
    if not stores:
        return None
    console.print("Reading what OpenCode left on this machine:")
    for store in stores.values():
        console.print(f"  {plain(store.name)}", markup=False, highlight=False)
    return run_once(trial)


def _with_sample(trial: Settings, scratch: Path, console: Console) -> Settings:
    """Return settings that read a copy of the sample too: a copy, because SQLite may write beside a database."""
    console.print(
        "OpenCode has no messages on this machine: showing a sample store, written by the real OpenCode 1.1.27 and "
        "1.2.6. [bold]Its people, projects and conversations are made up.[/bold]"
    )
    with as_file(files("otel_agent.demo") / "sample") as sample:
        shutil.copytree(sample, scratch / "opencode")
    # Its sessions ended long ago: whether they still had series of their own would depend on the day of the demo.
    return replace(trial, data_dirs=(*trial.data_dirs, scratch / "opencode"), metrics_include_session_id=False)


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="otel-agent-demo-") as folder:
        yield Path(folder)


@contextmanager
def _own_environment() -> Iterator[None]:
    """Unset for a while the variables that lead to another receiver: those of OTLP, and a proxy.

    The exporters read them by themselves, and they win over the settings.
    """
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
