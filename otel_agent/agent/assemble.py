"""From settings to the whole agent: what ``intake`` opens, and delivery behind it."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from otel_agent.delivery.advice import advice
from otel_agent.delivery.choose import FileOptions, deliveries
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.delivery.ports import MetricDelivery, SpanDelivery
from otel_agent.errors import DeliveryError
from otel_agent.export.dispatch import Dispatch, Identity, SendSummary
from otel_agent.export.metric_schedule import MetricSchedule
from otel_agent.export.observations import Observe
from otel_agent.intake.catch_up import Intake, opened
from otel_agent.intake.ingest import Ingest, Pass
from otel_agent.ledger.writer import Ledger
from otel_agent.opencode.locations import StoreLocations, WatchedFolder, watched_folders
from otel_agent.opencode.running.processes import Processes
from otel_agent.otlp import metrics, resource
from otel_agent.semconv import Signal
from otel_agent.settings import Settings

log = logging.getLogger(__name__)

_NS: Final = 1_000_000_000
_TEMPORALITY: Final = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"


class Agent(Struct):
    """The running parts."""

    settings: Settings
    ingest: Ingest
    dispatch: Dispatch
    learn: Callable[[], None]
    """ReadScope where running OpenCode processes keep their data."""
    known: Callable[[], StoreLocations]
    """Where stores are looked for."""

    def watched_folders(self) -> list[WatchedFolder]:
        """Return the folders in which a change may mean new messages."""
        return watched_folders(self.known(), self.ingest.stores)


class RunResult(Struct, frozen=True):
    """What one run came to."""

    read: Pass
    spans: SendSummary
    totals: SendSummary
    pending: int
    seconds: float

    @property
    def delivered(self) -> bool:
        return not (self.spans.reason or self.totals.reason or self.pending)


@contextmanager
def assembled(settings: Settings, *, now_ns: Callable[[], int] = time.time_ns) -> Iterator[Agent]:
    """Open the ledger and connect the parts; close them in reverse.

    Raises ``LedgerError`` where the ledger cannot be written and ``SettingsError`` where delivery cannot be set up.
    """
    with opened(settings, now_ns=now_ns) as parts:
        dispatch = _dispatch(settings, parts, now_ns)
        try:
            yield Agent(settings, parts.ingest, dispatch, parts.finder.learn, lambda: parts.finder.locations)
        finally:
            dispatch.close()


def once(settings: Settings, *, on_progress: Callable[[Pass], None] | None = None) -> RunResult:
    """Read every store and deliver all that is owed. ``on_progress`` is told how far the reading is."""
    started = time.monotonic()
    with assembled(settings) as agent:
        agent.learn()
        read = agent.ingest.run(sweep=True, on_progress=on_progress)
        say_where(agent, read)
        spans = agent.dispatch.send_spans()
        totals = agent.dispatch.send_totals(last=True)
        return RunResult(read, spans, totals, agent.dispatch.pending, time.monotonic() - started)


def said(result: RunResult) -> str:
    """What a run came to, in a line."""
    return (
        f"counted {result.read.messages} new messages in {result.read.stores} stores; delivered {result.spans.accepted} "
        f"spans and {result.totals.accepted} data points; {result.pending} spans owed; {result.seconds:.1f} s"
    )


def require_delivery(settings: Settings, result: RunResult) -> None:
    """Raises ``DeliveryError`` where something is still owed."""
    if not result.delivered:
        signal: Signal = "metrics" if result.totals.reason and not result.spans.reason else "traces"
        reason = result.spans.reason or result.totals.reason or "spans were refused"
        raise DeliveryError(not_taken(settings, signal, reason, result.pending))


def not_taken(settings: Settings, signal: Signal, reason: str, owed: int) -> str:
    """What it means that the backend does not take what is sent, and what to do."""
    return (
        f"not delivered: {reason} ({_target(settings, signal)}). Messages goes on; all totals and {owed} owed spans are "
        f"kept in {settings.state_dir} and sent when the backend takes them. {advice(reason)}"
    )


def _target(settings: Settings, signal: Signal) -> str:
    exporter = settings.exporter_of(signal)
    return otlp_options(settings).target_of(signal) if exporter == "otlp" else f"exporter {exporter}"


def say_where(agent: Agent, read: Pass) -> None:
    if agent.ingest.stores:
        names = ", ".join(store.name for store in agent.ingest.stores)
        log.info("counted %d messages in %d stores: %s", read.messages, read.stores, names)
        return
    known = agent.known()
    places = ", ".join(str(place) for place in known.paths)
    log.warning(
        "no OpenCode data yet. Looked in: %s. Set XDG_DATA_HOME or OTEL_AGENT_DATA_DIRS if it is elsewhere", places
    )


def _wants_increments(settings: Settings) -> bool:
    """Which temporality OpenTelemetry's variable asks for. ``lowmemory`` means increments for what we publish."""
    wanted = os.environ.get(_TEMPORALITY, "").strip().lower()
    return settings.exporter_of("metrics") == "otlp" and wanted in ("delta", "lowmemory")


def _observe(settings: Settings, parts: Intake, now_ns: Callable[[], int]) -> Observe:
    processes = Processes(min_bytes=round(settings.process_min_memory_mb * 1_000_000)).sample
    return Observe(parts.ledger, parts.ingest, processes if settings.process_metrics else None, now_ns=now_ns)


def _telling(settings: Settings, ledger: Ledger) -> MetricSchedule:
    return MetricSchedule(
        ledger,
        metrics.published(
            by_session=settings.metrics_include_session_id,
            latest=settings.genai_semconv in ("latest", "both"),
            legacy=settings.genai_semconv in ("legacy", "both"),
        ),
        session_window_ns=round(settings.session_window_hours * 3_600 * _NS),
        active_ns=round(settings.heartbeat_hours * 3_600 * _NS),
        budget=settings.heartbeat_series,
    )


def _dispatch(settings: Settings, parts: Intake, now_ns: Callable[[], int]) -> Dispatch:
    spans, totals = ways_out(settings)
    return Dispatch(
        parts.ledger,
        spans,
        totals,
        Identity(resource.resource(parts.ledger.instance_id), resource.scope()),
        schedule=_telling(settings, parts.ledger),
        observe=_observe(settings, parts, now_ns),
        cycle_ns=round(settings.metric_export_interval_seconds * _NS),
        delta=_wants_increments(settings),
        titles=settings.session_titles,
        now_ns=now_ns,
    )


def ways_out(settings: Settings) -> tuple[SpanDelivery | None, MetricDelivery | None]:
    """What delivers spans and totals, ``None`` for the exporter ``none``. Raises ``SettingsError``."""
    return deliveries(
        traces=settings.exporter_of("traces"),
        metrics=settings.exporter_of("metrics"),
        otlp=otlp_options(settings),
        file=FileOptions(settings.file_exporter_dir, settings.file_max_bytes, settings.file_backups),
    )


def otlp_options(settings: Settings) -> OtlpOptions:
    otlp = settings.otlp
    return OtlpOptions(
        endpoint=otlp.endpoint,
        protocol=otlp.protocol,
        headers=otlp.headers,
        compression=otlp.compression,
        timeout_seconds=otlp.timeout_seconds,
        certificate=otlp.certificate,
        client_key=otlp.client_key,
        client_certificate=otlp.client_certificate,
    )
