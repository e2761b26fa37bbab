"""OTLP over gRPC: the SDK encodes the request. Importing this costs 20 MB: it is done only if gRPC is asked for.

A call is begun only on a channel that is connected. So a request without an answer may have arrived, and one without a
connection surely has not. Retries of gRPC's own are off: they would hide that a first try may have arrived.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.delivery import authorities, retry
from otel_agent.delivery.acknowledgement import ENDLESS, MAX_ANSWER, Acknowledgement, partial_success
from otel_agent.delivery.encoding import NotEncodable, metrics_request, spans_request, to_bytes
from otel_agent.delivery.grpc_details import asked_pause, connected
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.delivery.tries import Tried, Tries
from otel_agent.delivery.user_agent import USER_AGENT
from otel_agent.model import SendResult
from otel_agent.semconv import Signal

_MOST_BYTES: Final = MAX_ANSWER + 1
"""The limit of an answer. It is a number that no server has for requests, so its text can be recognised."""
_LONG_ANSWER: Final = f"vs. {_MOST_BYTES})"
_NO_MESSAGE: Final = "gRPC OK without an acknowledgement"
_CHANNEL: Final = (
    ("grpc.primary_user_agent", USER_AGENT),
    ("grpc.max_receive_message_length", _MOST_BYTES),
    ("grpc.enable_retries", 0),
    # Else a channel of the other signal keeps the pause after a failed connection, also for a new channel.
    ("grpc.use_local_subchannel_pool", 1),
)
_SERVICES: Final[dict[Signal, str]] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}


class GrpcSpans:
    """Sends spans. Its constructor raises ``SettingsError``, and ``OSError`` for a file that cannot be read."""

    def __init__(self, options: OtlpOptions) -> None:
        self._calls = _Calls(ExportTraceServiceResponse, options, "traces")

    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        """Send one request, repeated within the timeout if the backend asks for it. Never raises."""
        try:
            return self._calls.send(to_bytes(spans_request(spans)))
        except NotEncodable as error:
            return error.result

    def close(self) -> None:
        """Break off the request under way. May be called from another thread; nothing is sent afterwards."""
        self._calls.close()


class GrpcMetrics:
    """Sends data points. Its constructor raises as that of ``GrpcSpans`` does."""

    def __init__(self, options: OtlpOptions) -> None:
        self._calls = _Calls(ExportMetricsServiceResponse, options, "metrics")

    def send(self, data: MetricsData) -> SendResult:
        """Send one request, repeated within the timeout if the backend asks for it. Never raises."""
        try:
            return self._calls.send(to_bytes(metrics_request(data)))
        except NotEncodable as error:
            return error.result

    def close(self) -> None:
        """Break off the request under way. May be called from another thread; nothing is sent afterwards."""
        self._calls.close()


class _Calls:
    """Calls the service of one signal. After a failed connection it makes a new channel: an old one waits ever longer."""

    def __init__(self, response: Acknowledgement, options: OtlpOptions, signal: Signal) -> None:
        self._response, self._service = response, _SERVICES[signal]
        self._target, self._seconds = options.grpc_target_of(signal), options.timeout_of(signal)
        gzip = options.compression_of(signal) == "gzip"
        self._compression = grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
        headers = options.headers_of(signal).items()
        self._metadata = tuple((name.lower(), _metadata(name, value)) for name, value in headers)
        self._credentials = _credentials(options, signal)
        self._tries, self._lock = Tries(options.most_tries), threading.Lock()
        self._channel: grpc.Channel | None = None

    def send(self, request: bytes) -> SendResult:
        return self._tries.run(lambda deadline: self._call(request, deadline), self._seconds)

    def close(self) -> None:
        self._tries.close()
        self._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _call(self, request: bytes, deadline: float) -> Tried:
        """Make one call until the deadline, which is on the monotonic clock. Never raises."""
        try:
            channel = self._opened()
            if not connected(channel, deadline):
                self._hang_up()
                code = "UNAVAILABLE" if time.monotonic() < deadline else "DEADLINE_EXCEEDED"
                return Tried(retry.grpc_failure(code, connected=False))
            export: Any = channel.unary_unary(self._service, response_deserializer=self._response.FromString)
            answer = export(request, metadata=self._metadata, timeout=max(deadline - time.monotonic(), 0.001))
        except grpc.RpcError as error:
            return self._failed(error)
        except Exception as error:  # noqa: BLE001 - gRPC raises several kinds, also for a channel that was closed meanwhile
            closed = self._tries.closed
            reason = "broken off" if closed else type(error).__name__
            return Tried(SendResult(accepted=False, reason=reason, unanswered=not closed))
        if answer is None:  # a status without a message, though the service promises one
            return Tried(SendResult(accepted=False, reason=_NO_MESSAGE, unanswered=True))
        return Tried(partial_success(answer.partial_success))

    def _opened(self) -> grpc.Channel:
        """Return the channel. Raises ``ValueError`` after ``close``."""
        with self._lock:
            if self._tries.closed:
                raise ValueError
            if self._channel is None:
                self._channel = (
                    grpc.insecure_channel(self._target, _CHANNEL, self._compression)
                    if self._credentials is None
                    else grpc.secure_channel(self._target, self._credentials, _CHANNEL, self._compression)
                )
            return self._channel

    def _failed(self, error: Any) -> Tried:
        code, details, pause = error.code().name, error.details() or "", asked_pause(error.trailing_metadata())
        if _LONG_ANSWER in details or "metadata size" in details:
            # The limit is ours, and the backend may have kept the request: this is no request that is too large.
            return Tried(SendResult(accepted=False, reason=ENDLESS, unanswered=True))
        result = retry.grpc_failure(code, details, retry_after_s=pause)
        if result.unanswered:
            # A connection that a router forgot looks alive, and would let every call wait until its deadline.
            self._hang_up()
        return Tried(result, again=retry.grpc_asks_again(code, pause), again_s=pause)


def _metadata(name: str, value: str) -> str | bytes:
    return value.encode() if name.lower().endswith("-bin") else value


def _credentials(options: OtlpOptions, signal: Signal) -> grpc.ChannelCredentials | None:
    """Return ``None`` without TLS. Raises ``OSError`` for a file that cannot be read."""
    if options.insecure(signal):
        return None
    key, certificate = options.file_of(signal, "client_key"), options.file_of(signal, "client_certificate")
    return grpc.ssl_channel_credentials(
        root_certificates=authorities.pem(options.file_of(signal, "certificate")),
        private_key=None if key is None else key.read_bytes(),
        certificate_chain=None if certificate is None else certificate.read_bytes(),
    )
