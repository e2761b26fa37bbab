"""Checks the way from the agent to the backend: the name, the port, TLS, and an empty OTLP request."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, get_args

from opentelemetry.sdk.metrics.export import MetricsData

from otel_agent.agent import backend
from otel_agent.delivery import proxies
from otel_agent.delivery.advice import advice
from otel_agent.delivery.listener import Spoken, spoken_at
from otel_agent.delivery.otlp_file import try_out
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.delivery.probe import Reached, reach
from otel_agent.doctor import diagnosis
from otel_agent.doctor.finding import Finding, Verdict, fail, fine, skip, warn
from otel_agent.errors import SettingsError
from otel_agent.model.plural import counted
from otel_agent.semconv import Signal
from otel_agent.settings import Settings, resource_attributes

SECONDS: Final = 3.5
"""Time for everything that is said about one signal: together with the start of the program, less than 5 s."""
_GREETING_SECONDS: Final = 0.8
"""Time to find out what else is spoken at an address."""
_SOON_DAYS: Final = 14
"""A certificate that ends sooner is worth a warning."""
_CLOCK_SECONDS: Final = 60.0
"""A larger difference puts points at the wrong time, or makes the backend reject them."""


def delivery(settings: Settings, signal: Signal, *, expected: bool = True) -> Iterator[Finding]:
    """Check that the backend accepts this signal, by sending it an empty request. Ends within ``SECONDS``.

    ``expected`` is false if nobody chose a backend: then nothing at the default address is no failure.
    """
    end = time.monotonic() + SECONDS
    exporter = settings.exporter_of(signal)
    if exporter == "none":
        yield fine(signal, f"the exporter is none: {signal} stay on this machine")
    elif exporter == "file":
        yield _to_files(settings, signal)
    elif exporter != "otlp":
        yield fine(signal, f"the exporter is {exporter}")
    elif expected or _is_refused(settings, signal):
        yield from _over_otlp(settings, signal, end)
    else:
        yield from _by_default(settings, signal, end)


def _to_files(settings: Settings, signal: Signal) -> Finding:
    folder = settings.file_exporter_dir
    if trouble := try_out(folder):
        return fail(
            signal, trouble, "Nothing is exported. Undelivered data is kept and written later.", advice(trouble)
        )
    return fine(signal, f"the exporter is file: {signal} go to {folder}")


def _is_refused(settings: Settings, signal: Signal) -> bool:
    """Return True if `run` would refuse what is set for this signal, whether or not a backend is named."""
    try:
        backend.otlp_options(settings).check(signal)
    except SettingsError:
        return True
    return False


def _by_default(settings: Settings, signal: Signal, deadline: float) -> Iterator[Finding]:
    found = list(_over_otlp(settings, signal, deadline))
    if any(each.verdict is Verdict.FAILURE for each in found):
        where = backend.otlp_options(settings).target_of(signal)
        yield skip(
            signal,
            f"no backend is set, and there is none at the default address {where}",
            "Summaries need none. `otel-agent setup` sets one.",
        )
    else:
        yield from found


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


def resource(settings: Settings) -> Iterator[Finding]:
    """Warn of what somebody says of the emitter and nobody will read."""
    if any(settings.exporter_of(signal) != "none" for signal in get_args(Signal)):
        for doubt in resource_attributes.doubts(os.environ):
            yield warn("resource", doubt, "Nothing that is exported has it.", "Correct the variable.")


def _over_otlp(settings: Settings, signal: Signal, deadline: float) -> Iterator[Finding]:
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
    for unused in options.unused_headers(signal):
        yield warn("headers", unused, "It is probably meant for another program.", "Leave it out.")
    where = f"{options.target_of(signal)} ({options.protocol_of(signal)}{_by_way_of(through)})"
    if reached is not None and reached.trouble:
        meaning = f"Nothing reaches {where}. Undelivered data is kept and sent later."
        found = _of_connection(options, signal, reached, deadline)
        yield fail(signal, found.seen, meaning, found.advice)
        return
    # The certificate is worth a line of its own: its end is known before anything fails.
    if reached is not None and reached.certificate_until is not None:
        yield _certificate(signal, reached)
    yield from _try_empty_request(settings, signal, where, through, deadline)


def _reached(options: OtlpOptions, signal: Signal) -> Reached | None:
    """Return how far a connection gets, ``None`` for an address that only gRPC can look up."""
    where = options.host_and_port_of(signal)
    if where is None:
        return None
    trust = options.tls_of(signal) if options.encrypted(signal) else None
    if trust is not None and options.protocol_of(signal) == "grpc":
        # A gRPC server of today refuses a handshake that does not ask for HTTP/2.
        trust.set_alpn_protocols(["h2"])
    return reach(*where, trust=trust)


def _reached_proxy(proxy: str) -> Reached:
    """Look no further than the proxy: only a request shows what is behind it."""
    return reach(*proxies.host_and_port(proxy), trust=None)


def _by_way_of(proxy: str | None) -> str:
    return f", by way of the proxy {proxies.shown(proxy)}" if proxy else ""


def _of_connection(options: OtlpOptions, signal: Signal, reached: Reached, deadline: float) -> diagnosis.Diagnosis:
    spoken = _spoken((reached.host, reached.port), deadline) if reached.step == "tls" else None
    return diagnosis.of_connection(reached, spoken, grpc=options.protocol_of(signal) == "grpc")


def _spoken(where: tuple[str, int], deadline: float) -> Spoken:
    return spoken_at(*where, min(_GREETING_SECONDS, max(deadline - time.monotonic(), 0.1)))


def _certificate(signal: Signal, reached: Reached) -> Finding:
    assert reached.certificate_until is not None  # noqa: S101 - the caller looked
    days = (reached.certificate_until - datetime.now(UTC)).days
    seen = f"the certificate of {reached.host} is valid for {counted(days, 'more day')}"
    if days < _SOON_DAYS:
        return warn(signal, seen, "After that nothing is delivered.", "Renew the certificate.")
    return fine(signal, seen)


def _try_empty_request(
    settings: Settings, signal: Signal, where: str, through: str | None, deadline: float
) -> Iterator[Finding]:
    """Send an empty request, through the exporter that sends all the others."""
    # A greeting has to fit in after it.
    seconds = max(deadline - time.monotonic() - _GREETING_SECONDS, 0.5)
    spans, totals = backend.exporters(settings, only=signal, hurried_seconds=seconds)
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
        found = _of_request(backend.otlp_options(settings), signal, result.reason, through, deadline)
        yield fail(signal, found.seen, meaning, found.advice)
    yield from _clock(date)


def _of_request(
    options: OtlpOptions, signal: Signal, reason: str, through: str | None, deadline: float
) -> diagnosis.Diagnosis:
    if through is not None:
        return diagnosis.of_proxy(reason, proxies.shown(through))
    grpc, where = options.protocol_of(signal) == "grpc", options.host_and_port_of(signal)
    unclear = where is not None and diagnosis.is_unclear(reason, grpc=grpc)
    spoken = _spoken(where, deadline) if where is not None and unclear else None
    at = f"{where[0]}:{where[1]}" if where is not None else options.target_of(signal)
    return diagnosis.of_request(reason, spoken, grpc=grpc, tls=options.encrypted(signal), at=at)


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
