"""From settings to the whole agent: what ``intake`` opens, and delivery behind it."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from otel_agent import intake
from otel_agent.delivery.choose import FileOptions, deliveries
from otel_agent.delivery.options import OtlpOptions
from otel_agent.errors import DeliveryError
from otel_agent.ledger.writer import Ledger
from otel_agent.pipeline.dispatch import Dispatch, Identity, Sent
from otel_agent.pipeline.ingest import Ingest, Pass
from otel_agent.settings import Settings, Signal
from otel_agent.signals import metrics, resource

log = logging.getLogger(__name__)

_TEMPORALITY: Final = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"


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
        _say_temporality(settings)
        try:
            yield Agent(settings, ledger, ingest, dispatch)
        finally:
            dispatch.close()


def once(settings: Settings) -> Once:
    """Read every store and deliver all that is owed."""
    started = time.monotonic()
    with assembled(settings) as agent:
        read = agent.ingest.run(sweep=True)
        say_where(agent, read)
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
        signal: Signal = "metrics" if result.totals.reason and not result.spans.reason else "traces"
        reason = result.spans.reason or result.totals.reason or "spans were refused"
        raise DeliveryError(not_taken(settings, signal, reason, result.owed))


def not_taken(settings: Settings, signal: Signal, reason: str, owed: int) -> str:
    """What it means that the backend does not take what is sent, and what to do."""
    return (
        f"not delivered: {reason} ({_target(settings, signal)}). Counting goes on; all totals and {owed} owed spans are "
        f"kept in {settings.state_dir} and sent when the backend takes them. {_advice(reason)}"
    )


def _advice(reason: str) -> str:
    if any(sign in reason for sign in ("401", "403", "UNAUTHENTICATED", "PERMISSION_DENIED")):
        return "Check the key in OTEL_EXPORTER_OTLP_HEADERS."
    if "TLS" in reason:
        return "Check OTEL_EXPORTER_OTLP_CERTIFICATE, and whether the address wants https:// or http://."
    return (
        "To start one: an OpenTelemetry Collector with an OTLP receiver, or set OTEL_EXPORTER_OTLP_ENDPOINT to yours; "
        "`otel-agent demo` shows what would be sent."
    )


def _target(settings: Settings, signal: Signal) -> str:
    exporter = settings.exporter_of(signal)
    return _otlp(settings).target_of(signal) if exporter == "otlp" else f"exporter {exporter}"


def say_where(agent: Agent, read: Pass) -> None:
    if agent.ingest.stores:
        log.info("counted %d messages in %d stores: %s", read.messages, read.stores, ", ".join(agent.ingest.stores))
        return
    places = ", ".join(str(place) for place in intake.looked_in(agent.settings))
    log.warning(
        "no OpenCode data yet. Looked in: %s. Set XDG_DATA_HOME or OTEL_AGENT_DATA_DIRS if it is elsewhere", places
    )


def _say_temporality(settings: Settings) -> None:
    """Sums that lie in the ledger can be sent again after a failure without being counted twice; increments cannot."""
    wanted = os.environ.get(_TEMPORALITY, "").strip().lower()
    if settings.exporter_of("metrics") == "otlp" and wanted in ("delta", "lowmemory"):
        log.warning(
            "%s=%s is not followed: sums are cumulative. For a backend that wants increments, put the processor "
            "cumulative_to_delta into the Collector",
            _TEMPORALITY,
            wanted,
        )


def _dispatch(settings: Settings, ledger: Ledger, now_ns: Callable[[], int]) -> Dispatch:
    spans, totals = deliveries(
        traces=settings.exporter_of("traces"),
        metrics=settings.exporter_of("metrics"),
        otlp=_otlp(settings),
        file=FileOptions(settings.file_exporter_dir, settings.file_max_bytes, settings.file_backups),
    )
    return Dispatch(
        ledger,
        spans,
        totals,
        Identity(resource.resource(ledger.instance_id), resource.scope()),
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
        headers=otlp.headers,
        compression=otlp.compression,
        timeout_seconds=otlp.timeout_seconds,
        certificate=otlp.certificate,
        client_key=otlp.client_key,
        client_certificate=otlp.client_certificate,
    )
