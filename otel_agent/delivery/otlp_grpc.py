"""OTLP over gRPC, by the SDK's exporters. Importing this costs 20 MB: it is done only where gRPC is asked for.

These exporters do not look at partial success: what a backend rejects of a request it took is not counted here. It
would not be sent again either way.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import grpc
from opentelemetry.exporter.otlp.proto.grpc import exporter as grpc_exporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.model import SendResult
from otel_agent.semconv import Signal

_REFUSALS: Final = frozenset({grpc.StatusCode.INVALID_ARGUMENT})
_UNSURE: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    }
)
"""It broke on the way, or nobody answered: the request may have arrived."""


class GrpcSpans:
    def __init__(self, options: OtlpOptions) -> None:
        self._exporter = OTLPSpanExporter(**_arguments(options, "traces"))

    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        with _status() as status:
            success = self._exporter.export(spans) is SpanExportResult.SUCCESS
        return status.result(success)

    def close(self) -> None:
        self._exporter.shutdown()


class GrpcMetrics:
    def __init__(self, options: OtlpOptions) -> None:
        self._exporter = OTLPMetricExporter(**_arguments(options, "metrics"))

    def send(self, data: MetricsData) -> SendResult:
        with _status() as status:
            success = self._exporter.export(data) is MetricExportResult.SUCCESS
        return status.result(success)

    def close(self) -> None:
        self._exporter.shutdown()


def _arguments(options: OtlpOptions, signal: Signal) -> dict[str, Any]:
    """The exporter's arguments. It is left only the headers to find in the environment: it takes an empty variable
    for a value, a certificate it cannot read for none, and does not know the compression ``none``."""
    options.check_address(signal)
    headers = options.headers_of(signal)
    gzip = options.compression_of(signal) == "gzip"
    return {
        "endpoint": options.endpoint_of(signal),
        "insecure": options.insecure(signal),
        "headers": {key.lower(): value for key, value in headers.items()} if headers else None,
        "compression": grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression,
        "timeout": options.timeout_of(signal),
        "credentials": _credentials(options, signal),
    }


def _credentials(options: OtlpOptions, signal: Signal) -> grpc.ChannelCredentials | None:
    """``None`` where nothing is named: the system's authorities then. Raises ``OSError`` for what cannot be read."""
    authority, key = options.file_of(signal, "certificate"), options.file_of(signal, "client_key")
    certificate = options.file_of(signal, "client_certificate")
    if not (authority or key or certificate):
        return None
    return grpc.ssl_channel_credentials(
        root_certificates=_read(authority), private_key=_read(key), certificate_chain=_read(certificate)
    )


def _read(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()


class _Status(logging.Filter):
    """The exporter says why it failed only in its log: take the status code from there, as the object it logs."""

    def __init__(self) -> None:
        super().__init__()
        self.code: grpc.StatusCode | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args if isinstance(record.args, tuple) else ()
        self.code = next((each for each in arguments if isinstance(each, grpc.StatusCode)), self.code)
        return True

    def result(self, success: bool) -> SendResult:
        if success:
            return SendResult(accepted=True)
        reason = f"gRPC {self.code.name}" if self.code else "no answer"
        return SendResult(
            accepted=False, permanent=self.code in _REFUSALS, reason=reason, unanswered=self.code in _UNSURE
        )


@contextmanager
def _status() -> Iterator[_Status]:
    status = _Status()
    filters = grpc_exporter.logger.filters
    filters.insert(0, status)  # before the exporter's own, which swallows what it said a minute ago
    try:
        yield status
    finally:
        filters.remove(status)
