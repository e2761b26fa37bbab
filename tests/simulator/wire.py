"""The way from the exporters to the simulated backend: the agent's own HTTP session, without a network below it.

So the agent itself judges each answer: a status, a page of HTML, bytes that are no protobuf, a connection that breaks.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

import requests
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import NewConnectionError, ProtocolError

from otel_agent.delivery.strict_http import StrictSession
from otel_agent.model import SendResult
from tests.support.otlp_receiver.wire import Signal

ADDRESS = "http://simulated.invalid"
TIMEOUT_S = 10.0


class Answer(Protocol):
    """What the backend does with a request, as the agent sees it."""

    @property
    def status(self) -> int:
        """The HTTP status; 0 for a connection that breaks, -1 if nothing listens, -2 for a time that runs out."""

    @property
    def body(self) -> bytes:
        """The body of the answer."""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers of the answer."""


class Backend(Protocol):
    """The other side."""

    def arrive(self, signal: Signal, body: bytes) -> Answer:
        """Take a request, or not, and return how it is answered."""


class Deliveries:
    """Sends both signals to one backend. ``spans`` and ``metrics`` are what the exporters take for a delivery."""

    def __init__(self, backend: Backend) -> None:
        self.spans = _Spans("traces", StrictSession(ExportTraceServiceResponse), backend)
        self.metrics = _Metrics("metrics", StrictSession(ExportMetricsServiceResponse), backend)


class _Delivery:
    def __init__(self, signal: Signal, session: StrictSession, backend: Backend) -> None:
        self._url, self._session, self._closed = f"{ADDRESS}/v1/{signal}", session, False
        session.mount("http://", _InMemory(signal, backend))

    def close(self) -> None:
        """Send nothing any more."""
        self._closed = True

    def _post(self, body: bytes) -> SendResult:
        self._session.forget()
        if not self._closed:
            headers = {"Content-Type": "application/x-protobuf"}
            with suppress(requests.RequestException):  # the session knows what it means
                self._session.post(self._url, data=body, headers=headers, timeout=TIMEOUT_S)
        return self._session.last


class _Spans(_Delivery):
    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        """Send one request."""
        return self._post(encode_spans(spans).SerializeToString())


class _Metrics(_Delivery):
    def send(self, data: MetricsData) -> SendResult:
        """Send one request."""
        return self._post(encode_metrics(data).SerializeToString())


class _InMemory(HTTPAdapter):
    """Gives each request to the backend, and makes its answer a response or an error of ``requests``."""

    def __init__(self, signal: Signal, backend: Backend) -> None:
        super().__init__()
        self._signal, self._backend = signal, backend

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        body = request.body if isinstance(request.body, bytes) else b""
        answer = self._backend.arrive(self._signal, body)
        match answer.status:
            case 0:
                raise requests.ConnectionError(
                    ProtocolError("Connection aborted.", ConnectionResetError()), request=request
                )
            case -1:
                refused = NewConnectionError(None, "refused")  # type: ignore[arg-type]
                raise requests.ConnectionError(_Reason(refused), request=request)
            case -2:
                raise requests.ReadTimeout("Read timed out.", request=request)
        raw = HTTPResponse(
            body=io.BytesIO(answer.body),
            headers=dict(answer.headers),
            status=answer.status,
            reason="",
            preload_content=False,
        )
        return self.build_response(request, raw)


class _Reason(Exception):
    """Has its reason where the errors of urllib3 have theirs."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason
