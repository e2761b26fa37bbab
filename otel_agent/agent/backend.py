"""The backend that the settings name: what sends data to it, and the message when it accepts nothing."""

import os
from typing import get_args
from urllib.parse import urlsplit

from msgspec import structs

from otel_agent.delivery.advice import advice
from otel_agent.delivery.choose import FileOptions, deliveries
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.delivery.ports import MetricDelivery, SpanDelivery
from otel_agent.model.plural import counted
from otel_agent.semconv import Signal
from otel_agent.settings import Settings, resource_attributes
from otel_agent.settings.values import LockedOtlp


def doubts(settings: Settings) -> list[str]:
    """Check what the environment and the file say of OTLP, for each signal that uses it, and of the resource.

    Return a sentence for each value that was probably meant otherwise. Raises ``SettingsError`` for one that cannot work.
    """
    options = otlp_options(settings)
    found: dict[str, None] = {}
    for signal in get_args(Signal):
        if settings.exporter_of(signal) == "otlp":
            options.check(signal)
            found.update(dict.fromkeys([*options.doubts(signal), *options.unused_headers(signal)]))
    if any(settings.exporter_of(signal) != "none" for signal in get_args(Signal)):
        found.update(dict.fromkeys(resource_attributes.doubts(os.environ)))
    return list(found)


def exporters(
    settings: Settings, *, only: Signal | None = None, hurried_seconds: float | None = None
) -> tuple[SpanDelivery | None, MetricDelivery | None]:
    """Open what delivers spans and metrics; ``None`` is the exporter ``none``. Raises ``SettingsError``.

    With ``only``, the other signal has no exporter. ``hurried_seconds`` makes each export one try that ends in that time.
    """
    chosen = {each: settings.exporter_of(each) if only in (None, each) else "none" for each in get_args(Signal)}
    return deliveries(
        traces=chosen["traces"],
        metrics=chosen["metrics"],
        otlp=structs.replace(otlp_options(settings), hurried_seconds=hurried_seconds),
        file=FileOptions(settings.file_exporter_dir, settings.file_max_bytes, settings.file_backups),
    )


def refuse_unusable(settings: Settings) -> list[str]:
    """Build what ``otel-agent run`` builds of these settings, and throw it away. Nothing is connected or written.

    Return the doubts. Raises ``SettingsError`` for whatever ``run`` would not start with.
    """
    found = doubts(settings)
    for exporter in exporters(settings):
        if exporter is not None:
            exporter.close()
    return found


def address_of(settings: Settings, signal: Signal) -> str:
    """Return where a signal goes, without the path: signals with the same address have one backend."""
    target = _target(settings, signal)
    parts = urlsplit(target)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else target


def otlp_options(settings: Settings) -> OtlpOptions:
    """Return the file's table ``[otlp]`` as the exporters take it; the standard variables still win over what is not locked."""
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
        accept_any_2xx=settings.accept_any_2xx,
        locked=otlp.locked if isinstance(otlp, LockedOtlp) else frozenset(),
    )


def not_delivered(settings: Settings, signal: Signal, reason: str, pending: int) -> str:
    """Return one line that says why the backend accepted nothing, what is kept meanwhile, and what to do."""
    spans = counted(pending, "pending span")
    return (
        f"not delivered: {reason} ({_target(settings, signal)}). Counting goes on; all totals and {spans} are kept in "
        f"{settings.state_dir} and are sent as soon as the backend accepts them. {advice(reason)}"
    )


def _target(settings: Settings, signal: Signal) -> str:
    exporter = settings.exporter_of(signal)
    return otlp_options(settings).target_of(signal) if exporter == "otlp" else f"exporter {exporter}"
