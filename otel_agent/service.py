"""From settings to the whole agent: what ``intake`` opens, and delivery behind it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from otel_agent import intake
from otel_agent.delivery.choose import FileOptions, deliveries
from otel_agent.delivery.options import OtlpOptions
from otel_agent.errors import DeliveryError, LedgerError
from otel_agent.ledger.writer import Ledger
from otel_agent.lifecycle import run_until_stopped
from otel_agent.pipeline.dispatch import Dispatch, Identity, Sent
from otel_agent.pipeline.ingest import Ingest, Pass
from otel_agent.settings import Settings
from otel_agent.signals import metrics, resource

log = logging.getLogger(__name__)

_RETRY_FIRST_SECONDS: Final = 5.0
_RETRY_MOST_SECONDS: Final = 60.0
"""Pauses between tries while the backend takes nothing: doubled each time, up to this."""


class Agent(Struct):
    """The running parts."""

    settings: Settings
    ledger: Ledger
    ingest: Ingest
    dispatch: Dispatch


class Once(Struct, frozen=True):
    """What one run came to."""

    read: Pass
    spans: Sent
    totals: Sent
    owed: int
    seconds: float

    @property
    def delivered(self) -> bool:
        return not (self.spans.reason or self.totals.reason or self.owed)


@contextmanager
def assembled(settings: Settings, *, now_ns: Callable[[], int] = time.time_ns) -> Iterator[Agent]:
    """Open the ledger and connect the parts; close them in reverse.

    Raises ``LedgerError`` where the ledger cannot be written and ``SettingsError`` where delivery cannot be set up.
    """
    with intake.opened(settings, now_ns=now_ns) as (ledger, ingest):
        dispatch = _dispatch(settings, ledger, now_ns)
        try:
            yield Agent(settings, ledger, ingest, dispatch)
        finally:
            dispatch.close()


def once(settings: Settings) -> Once:
    """Read every store and deliver all that is owed."""
    started = time.monotonic()
    with assembled(settings) as agent:
        read = agent.ingest.run(sweep=True)
        _say_where(agent, read)
        spans = agent.dispatch.send_spans()
        totals = agent.dispatch.send_totals()
        return Once(read, spans, totals, agent.dispatch.owed, time.monotonic() - started)


def said(result: Once) -> str:
    """What a run came to, in a line."""
    return (
        f"counted {result.read.messages} new messages in {result.read.stores} stores; delivered {result.spans.taken} "
        f"spans and {result.totals.taken} data points; {result.owed} spans owed; {result.seconds:.1f} s"
    )


def require_delivery(settings: Settings, result: Once) -> None:
    """Raises ``DeliveryError`` where something is still owed."""
    if not result.delivered:
        reason = result.spans.reason or result.totals.reason or "spans were refused"
        raise DeliveryError(not_taken(settings, reason, result.owed))


def resident(settings: Settings) -> bool:
    """Run until a signal comes. Returns whether everything was finished within the deadline."""
    with assembled(settings) as agent:
        loop = _Loop(agent)
        deadline = settings.shutdown_timeout_seconds
        return run_until_stopped(loop.run, give_up=agent.dispatch.close, deadline_seconds=deadline)


class _Loop:
    """Read, deliver, wait; and once more when asked to stop."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._notice = _Notice(agent.settings)
        self._next_sweep = self._next_totals = self._next_spans = 0.0
        self._pause = _RETRY_FIRST_SECONDS

    def run(self, stop: threading.Event) -> None:
        first = True
        while not stop.is_set():
            read = self._read(stop)
            if read is not None and first:
                _say_where(self._agent, read)
                first = False
            self._deliver(stop)
            stop.wait(self._agent.settings.rescan_interval_seconds)
        self._read(None)
        self._deliver(None)
        log.info("stopped; %d spans owed", self._agent.dispatch.owed)

    def _read(self, stop: threading.Event | None) -> Pass | None:
        now = time.monotonic()
        sweep = now >= self._next_sweep
        try:
            read = self._agent.ingest.run(sweep=sweep, stopping=stop.is_set if stop else lambda: False)
        except LedgerError as error:
            log.error("%s", error)
            return None
        if sweep:
            self._next_sweep = now + self._agent.settings.sweep_interval_seconds
        if read.messages:
            log.info("counted %d new messages", read.messages)
        return read

    def _deliver(self, stop: threading.Event | None) -> None:
        """Spans as soon as they are owed, totals at their interval; both once more at the end."""
        now, dispatch = time.monotonic(), self._agent.dispatch
        last = stop is None
        if last or now >= self._next_spans:
            self._judge(dispatch.send_spans(stop.is_set if stop else lambda: False), now)
        if last or now >= self._next_totals:
            self._next_totals = now + self._agent.settings.metric_export_interval_seconds
            self._judge(dispatch.send_totals(), now)

    def _judge(self, sent: Sent, now: float) -> None:
        self._notice.of(sent, self._agent.dispatch.owed)
        if sent.reason:
            self._next_spans = now + self._pause
            self._pause = min(self._pause * 2, _RETRY_MOST_SECONDS)
        elif sent.taken:
            self._pause = _RETRY_FIRST_SECONDS


class _Notice:
    """Says when the backend stops taking things, and when it takes them again: each once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._failing = False

    def of(self, sent: Sent, owed: int) -> None:
        if sent.reason and not self._failing:
            log.warning("%s", not_taken(self._settings, sent.reason, owed))
        if self._failing and sent.taken:
            log.info("the backend takes what is sent again; %d spans owed", owed)
        self._failing = bool(sent.reason) or (self._failing and not sent.taken)


def not_taken(settings: Settings, reason: str, owed: int) -> str:
    """What it means that the backend does not answer, and what to do."""
    return (
        f"not delivered: {reason} ({_target(settings)}). Counting goes on; all totals and {owed} owed spans are kept in "
        f"{settings.state_dir} and sent when the backend takes them. To start one: an OpenTelemetry Collector with an "
        "OTLP receiver, or set OTEL_EXPORTER_OTLP_ENDPOINT to yours; `otel-agent demo` shows what would be sent."
    )


def _target(settings: Settings) -> str:
    if "otlp" in (settings.exporter_of("traces"), settings.exporter_of("metrics")):
        return _otlp(settings).endpoint_of("traces")
    return settings.exporter


def _say_where(agent: Agent, read: Pass) -> None:
    if agent.ingest.stores:
        log.info("counted %d messages in %d stores: %s", read.messages, read.stores, ", ".join(agent.ingest.stores))
        return
    places = ", ".join(str(place) for place in intake.looked_in(agent.settings))
    log.warning(
        "no OpenCode data yet. Looked in: %s. Set XDG_DATA_HOME or OTEL_AGENT_DATA_DIRS if it is elsewhere", places
    )


def _dispatch(settings: Settings, ledger: Ledger, now_ns: Callable[[], int]) -> Dispatch:
    spans, totals = deliveries(
        traces=settings.exporter_of("traces"),
        metrics=settings.exporter_of("metrics"),
        otlp=_otlp(settings),
        file=FileOptions(settings.file_exporter_dir, settings.file_max_bytes, settings.file_backups),
    )
    instance = ledger.adopt(resource.instance_id(ledger.id))
    return Dispatch(
        ledger,
        spans,
        totals,
        Identity(resource.resource(instance), resource.scope()),
        published=metrics.published(
            by_session=settings.metrics_include_session_id,
            latest=settings.genai_semconv in ("latest", "both"),
            legacy=settings.genai_semconv in ("legacy", "both"),
        ),
        session_window_ns=round(settings.session_window_hours * 3_600_000_000_000),
        titles=settings.session_titles,
        now_ns=now_ns,
    )


def _otlp(settings: Settings) -> OtlpOptions:
    otlp = settings.otlp
    return OtlpOptions(
        endpoint=otlp.endpoint,
        protocol=otlp.protocol,
        headers={key: value.get_secret_value() for key, value in otlp.headers.items()},
        compression=otlp.compression,
        timeout_seconds=otlp.timeout_seconds,
        certificate=otlp.certificate,
        client_key=otlp.client_key,
        client_certificate=otlp.client_certificate,
    )
