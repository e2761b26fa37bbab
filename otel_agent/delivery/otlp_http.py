"""OTLP ``http/protobuf``: the SDK encodes the request, ``strict_http`` sends it."""

import gzip
import ssl
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.delivery.acknowledgement import Acknowledgement
from otel_agent.delivery.encoding import NotEncodable, metrics_request, spans_request, to_bytes
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.delivery.strict_http import StrictSession
from otel_agent.delivery.tries import Tries
from otel_agent.model import SendResult
from otel_agent.semconv import Signal

_COMPRESS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "none": bytes,
    "gzip": partial(gzip.compress, compresslevel=6),
    "deflate": zlib.compress,
}


class HttpSpans:
    """Sends spans. Its constructor raises ``SettingsError``, and ``OSError`` for a file that cannot be read."""

    def __init__(self, options: OtlpOptions) -> None:
        self._posts = _Posts(ExportTraceServiceResponse, options, "traces")

    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        """Send one request, repeated within the timeout if the backend asks for it. Never raises."""
        try:
            return self._posts.send(to_bytes(spans_request(spans)))
        except NotEncodable as error:
            return error.result

    @property
    def server_date(self) -> str:
        """The backend's clock, from the ``Date`` of its last answer (RFC 9110); empty if it had none."""
        return self._posts.server_date

    def close(self) -> None:
        """Break off the request under way. May be called from another thread; nothing is sent afterwards."""
        self._posts.close()


class HttpMetrics:
    """Sends data points. Its constructor raises as that of ``HttpSpans`` does."""

    def __init__(self, options: OtlpOptions) -> None:
        self._posts = _Posts(ExportMetricsServiceResponse, options, "metrics")

    def send(self, data: MetricsData) -> SendResult:
        """Send one request, repeated within the timeout if the backend asks for it. Never raises."""
        try:
            return self._posts.send(to_bytes(metrics_request(data)))
        except NotEncodable as error:
            return error.result

    @property
    def server_date(self) -> str:
        """The backend's clock, from the ``Date`` of its last answer (RFC 9110); empty if it had none."""
        return self._posts.server_date

    def close(self) -> None:
        """Break off the request under way. May be called from another thread; nothing is sent afterwards."""
        self._posts.close()


class _Posts:
    """Posts the requests of one signal to its address."""

    def __init__(self, response: Acknowledgement, options: OtlpOptions, signal: Signal) -> None:
        self._url, self._seconds = options.url_of(signal), options.timeout_of(signal)
        compression = options.compression_of(signal)
        self._compress = _COMPRESS[compression]
        self._headers = _headers(options, signal, compression)
        self._session = StrictSession(response, _trust(options, signal), accept_any_2xx=options.accept_any_2xx)
        self._tries = Tries(options.most_tries)

    @property
    def server_date(self) -> str:
        return self._session.date

    def send(self, request: bytes) -> SendResult:
        self._session.date = ""
        body = self._compress(request)
        return self._tries.run(
            lambda deadline: self._session.post_once(self._url, body, self._headers, deadline), self._seconds
        )

    def close(self) -> None:
        # In this order: a try that begins in between is broken off, and none begins later.
        self._tries.close()
        self._session.break_off()


def _headers(options: OtlpOptions, signal: Signal, compression: str) -> dict[str, str | bytes]:
    found: dict[str, str | bytes] = {"content-type": "application/x-protobuf"}
    if compression != "none":
        found["content-encoding"] = compression
    # As bytes, because a text beyond Latin-1 would be refused: RFC 9110 lets a header have other bytes.
    return found | {name.lower(): value.encode() for name, value in options.headers_of(signal).items()}


def _trust(options: OtlpOptions, signal: Signal) -> ssl.SSLContext | None:
    """Return the TLS set-up, ``None`` without TLS: then a bundle that cannot be read does no harm."""
    return options.tls_of(signal) if options.url_of(signal).startswith("https://") else None
