"""Checks the way from the agent to the backend: the name, the port, TLS, and an empty OTLP request."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, get_args

from opentelemetry.sdk.metrics.export import MetricsData

from otel_agent.agent import backend
from otel_agent.delivery import proxies
from otel_agent.delivery.advice import advice
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.delivery.probe import Reached, reach
from otel_agent.doctor.finding import Finding, fail, fine, warn
from otel_agent.errors import SettingsError
from otel_agent.model.plural import counted
from otel_agent.semconv import Signal
from otel_agent.settings import Settings

_SOON_DAYS: Final = 14
"""A certificate that ends sooner is worth a warning."""
_CLOCK_SECONDS: Final = 60.0
"""A larger difference puts points at the wrong time, or makes the backend reject them."""


def delivery(settings: Settings, signal: Signal) -> Iterator[Finding]:
    """Check that the backend accepts this signal, by sending it an empty request."""
    exporter = settings.exporter_of(signal)
    if exporter == "none":
        yield warn(
            signal,
            "the exporter is none",
            f"Messages are counted, but no {signal} are delivered.",
            "Set `exporter` to otlp.",
        )
    elif exporter != "otlp":
        yield fine(signal, f"the exporter is {exporter}")
    else:
        yield from _over_otlp(settings, signal)


def proxy(settings: Settings) -> Iterator[Finding]:
    """Warn if a proxy that is meant for the internet would also receive what goes to a backend on this machine."""
    options = backend.otlp_options(settings)
    for signal in get_args(Signal):
        if settings.exporter_of(signal) != "otlp":
            continue
        through, where = proxies.proxy_of(options, signal), options.host_and_port_of(signal)
        if through and where and (where[0] in ("localhost", "::1") or where[0].startswith("127.")):
            yield warn(
                "proxy",
                f"{proxies.shown(through)} is the proxy for {where[0]}, and the backend is on this machine",
                "The proxy receives what is meant for the backend.",
                "Set NO_PROXY=localhost,127.0.0.1",
            )
            return


def _over_otlp(settings: Settings, signal: Signal) -> Iterator[Finding]:
    options = backend.otlp_options(settings)
    try:
        options.check(signal)
        through = proxies.proxy_of(options, signal)
        reached = _reached(options, signal) if through is None else _reached_proxy(through)
    except (SettingsError, OSError) as error:
        yield fail(signal, str(error), "Nothing can be sent.", "Correct the settings.")
        return
    for doubt in options.doubts(signal):
        yield warn("timeout", doubt, "A request may take longer than was meant.", "Correct the variable.")
    where = f"{options.target_of(signal)} ({options.protocol_of(signal)}{_by_way_of(through)})"
    if reached is not None and reached.trouble:
        yield _unreached(signal, where, reached)
        return
    # The certificate is worth a line of its own: its end is known before anything fails.
    if reached is not None and reached.certificate_until is not None:
        yield _certificate(signal, reached)
    yield from _try_empty_request(settings, signal, where)


def _reached(options: OtlpOptions, signal: Signal) -> Reached | None:
    """Return how far a connection gets, ``None`` for an address that only gRPC can look up."""
    where = options.host_and_port_of(signal)
    return None if where is None else reach(*where, trust=options.tls_of(signal) if options.encrypted(signal) else None)


def _reached_proxy(proxy: str) -> Reached:
    """Look no further than the proxy: only a request tells what is behind it."""
    return reach(*proxies.host_and_port(proxy), trust=None)


def _by_way_of(proxy: str | None) -> str:
    return f", by way of the proxy {proxies.shown(proxy)}" if proxy else ""


def _unreached(signal: Signal, where: str, reached: Reached) -> Finding:
    meaning = f"Nothing reaches {where}. Undelivered data is kept and sent later."
    match reached.step:
        case "name":
            return fail(
                signal, f"{reached.host}: {reached.trouble}", meaning, "Check the name in OTEL_EXPORTER_OTLP_ENDPOINT."
            )
        case "tls":
            return fail(
                signal, f"{reached.host}:{reached.port}: TLS failed ({reached.trouble})", meaning, advice("TLS")
            )
    return fail(signal, f"{reached.host}:{reached.port}: {reached.trouble}", meaning, advice(reached.trouble))


def _certificate(signal: Signal, reached: Reached) -> Finding:
    assert reached.certificate_until is not None  # noqa: S101 - the caller looked
    days = (reached.certificate_until - datetime.now(UTC)).days
    seen = f"the certificate of {reached.host} is valid for {counted(days, 'more day')}"
    if days < _SOON_DAYS:
        return warn(signal, seen, "After that nothing is delivered.", "Renew the certificate.")
    return fine(signal, seen)


def _try_empty_request(settings: Settings, signal: Signal, where: str) -> Iterator[Finding]:
    """Send an empty request, through the exporter that sends all the others."""
    spans, totals = backend.exporters(settings)
    try:
        if signal == "traces":
            result, date = (spans.send([]), getattr(spans, "server_date", "")) if spans else (None, "")
        else:
            result, date = (totals.send(MetricsData([])), getattr(totals, "server_date", "")) if totals else (None, "")
    finally:
        for exporter in (spans, totals):
            if exporter is not None:
                exporter.close()
    if result is None:  # the exporter none
        return
    if result.accepted:
        yield fine(signal, f"an empty request was accepted by {where}")
    else:
        meaning = f"A connection to {where} is possible, an OTLP request is not. Undelivered data is kept."
        yield fail(signal, f"an empty request was not accepted: {result.reason}", meaning, advice(result.reason))
    yield from _clock(date)


def _clock(date: str) -> Iterator[Finding]:
    # An exporter over gRPC knows no date, and a backend may send none: then nothing is said of the clock.
    try:
        ahead = time.time() - parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return
    if abs(ahead) > _CLOCK_SECONDS:
        yield warn(
            "clock",
            f"this machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the backend's",
            "Backends reject points that are too old or in the future.",
            "Set this machine's clock (NTP).",
        )
    else:
        yield fine("clock", "this machine's clock and the backend's agree to the minute")
