"""OTLP over gRPC, by the SDK's exporters. Importing this costs 20 MB: it is done only if gRPC is asked for.

These exporters ignore partial success, so items that a backend rejects from a request it accepts are not counted. They
would not be sent again either way.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.exporter.otlp.proto.grpc import exporter as grpc_exporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from otel_agent.delivery import authorities, retry
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.model import SendResult
from otel_agent.semconv import Signal


class GrpcSpans:
    """Sends spans. Its constructor raises ``SettingsError``, and ``OSError`` for a file that cannot be read."""

    def __init__(self, options: OtlpOptions) -> None:
        self._exporter = OTLPSpanExporter(**_arguments(options, "traces"))

    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        """Send one request, tried again within the timeout as the SDK does."""
        with _watched_status() as status:
            success = self._exporter.export(spans) is SpanExportResult.SUCCESS
        return status.result(success)

    def close(self) -> None:
        """End the retries under way and close the connection."""
        self._exporter.shutdown()


class GrpcMetrics:
    """Sends data points. Its constructor raises as that of ``GrpcSpans`` does."""

    def __init__(self, options: OtlpOptions) -> None:
        self._exporter = OTLPMetricExporter(**_arguments(options, "metrics"))

    def send(self, data: MetricsData) -> SendResult:
        """Send one request, tried again within the timeout as the SDK does."""
        with _watched_status() as status:
            success = self._exporter.export(data) is MetricExportResult.SUCCESS
        return status.result(success)

    def close(self) -> None:
        """End the retries under way and close the connection."""
        self._exporter.shutdown()


def _arguments(options: OtlpOptions, signal: Signal) -> dict[str, Any]:
    """Return the exporter's arguments, so that it finds nothing by itself in the environment.

    It would use an empty variable as a value, ignore a certificate that it cannot read, and fail on the
    compression ``none``.
    """
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
    """Return ``None`` without TLS. Raises ``OSError`` for a file that cannot be read."""
    authority, key = options.file_of(signal, "certificate"), options.file_of(signal, "client_key")
    certificate = options.file_of(signal, "client_certificate")
    if options.insecure(signal):
        return None
    return grpc.ssl_channel_credentials(
        root_certificates=authorities.pem(authority), private_key=_read(key), certificate_chain=_read(certificate)
    )


def _read(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()


class _Status(logging.Filter):
    """Finds the status code of a failure. The exporter gives it only to its log, as one of the record's arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.code: grpc.StatusCode | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Remember the status code, if there is one. Lets every record pass."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        self.code = next((argument for argument in arguments if isinstance(argument, grpc.StatusCode)), self.code)
        return True

    def result(self, success: bool) -> SendResult:
        """Return the result of an export that ended with ``success``."""
        if success:
            return SendResult(accepted=True)
        return retry.grpc_failure(self.code.name if self.code else None)


@contextmanager
def _watched_status() -> Iterator[_Status]:
    status = _Status()
    filters = grpc_exporter.logger.filters
    # First in the list: the exporter's own filter drops what it said already within the last minute.
    filters.insert(0, status)
    try:
        yield status
    finally:
        filters.remove(status)
