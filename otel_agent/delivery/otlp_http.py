"""OTLP ``http/protobuf``, by the SDK's exporters: they know the protocol, TLS and the standard variables."""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import structs
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from otel_agent.delivery import authorities
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.delivery.strict_http import Acknowledgement, StrictSession
from otel_agent.model import SendResult
from otel_agent.semconv import Signal

_COMPRESSION: Final = {
    "none": Compression.NoCompression,
    "gzip": Compression.Gzip,
    "deflate": Compression.Deflate,
}


class HttpSpans:
    """Sends spans. Its constructor raises ``SettingsError``, and ``OSError`` for a file that cannot be read."""

    def __init__(self, options: OtlpOptions) -> None:
        self._session = _session(ExportTraceServiceResponse, options, "traces")
        self._exporter = OTLPSpanExporter(session=self._session, **_arguments(options, "traces"))

    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        """Send one request, tried again within the timeout as the SDK does."""
        self._session.forget()
        return _result(self._session, self._exporter.export(spans) is SpanExportResult.SUCCESS)

    @property
    def server_date(self) -> str:
        """The backend's clock, from the ``Date`` of its last answer (RFC 9110); empty if it had none."""
        return self._session.date

    def close(self) -> None:
        """End the retries under way."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


class HttpMetrics:
    """Sends data points. Its constructor raises as that of ``HttpSpans`` does."""

    def __init__(self, options: OtlpOptions) -> None:
        self._session = _session(ExportMetricsServiceResponse, options, "metrics")
        self._exporter = OTLPMetricExporter(session=self._session, **_arguments(options, "metrics"))

    def send(self, data: MetricsData) -> SendResult:
        """Send one request, tried again within the timeout as the SDK does."""
        self._session.forget()
        return _result(self._session, self._exporter.export(data) is MetricExportResult.SUCCESS)

    @property
    def server_date(self) -> str:
        """The backend's clock, from the ``Date`` of its last answer (RFC 9110); empty if it had none."""
        return self._session.date

    def close(self) -> None:
        """End the retries under way."""
        self._exporter.shutdown()


def _arguments(options: OtlpOptions, signal: Signal) -> dict[str, Any]:
    """Return the exporter's arguments, so that it finds nothing by itself in the environment but credentials.

    Raises ``SettingsError``, and ``OSError`` for a certificate that cannot be read.
    """
    return {
        "endpoint": options.url_of(signal),
        # As bytes, because a text beyond Latin-1 would be refused: RFC 9110 lets a header have other bytes.
        "headers": {name: value.encode() for name, value in options.headers_of(signal).items()},
        "compression": _COMPRESSION[options.compression_of(signal)],
        "timeout": options.timeout_of(signal),
        "certificate_file": _path(options.file_of(signal, "certificate")),
        "client_key_file": _path(options.file_of(signal, "client_key")),
        "client_certificate_file": _path(options.file_of(signal, "client_certificate")),
    }


def _session(response: Acknowledgement, options: OtlpOptions, signal: Signal) -> StrictSession:
    return StrictSession(response, _trust(options, signal), accept_any_2xx=options.accept_any_2xx)


def _trust(options: OtlpOptions, signal: Signal) -> ssl.SSLContext | None:
    """Return the authorities that count, ``None`` without TLS: then a bundle that cannot be read does no harm."""
    if not options.url_of(signal).startswith("https://"):
        return None
    return authorities.context(options.file_of(signal, "certificate"))


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _result(session: StrictSession, success: bool) -> SendResult:
    """Return the session's result: only it knows why. It counts as accepted only if the exporter agrees."""
    return structs.replace(session.last, accepted=session.last.accepted and success)
