"""The way from the exporters to the simulated backend: the agent's own judgement of each answer, without a network.

What the agent itself decides: what a status means, what is an acknowledgement, and when another try follows at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.delivery import acknowledgement, retry
from otel_agent.delivery.tries import Tried, Tries
from otel_agent.model import SendResult
from tests.support.otlp_receiver.wire import Signal

TIME_S = 0.5
"""For all tries of one export: too short for a pause between two, which would take real time."""
RESPONSES: dict[Signal, acknowledgement.Acknowledgement] = {
    "traces": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}


class Answer(Protocol):
    """What the backend does with a request, as the agent sees it."""

    @property
    def status(self) -> int:
        """The HTTP status; 0 for a connection that breaks, -1 if nothing listens, -2 for a time that runs out."""

    @property
    def body(self) -> bytes:
        """The body of the answer."""

    @property
    def kind(self) -> str:
        """The content type."""

    @property
    def retry_after(self) -> str:
        """The header of this name, empty if there is none."""


class Backend(Protocol):
    """The other side."""

    def arrive(self, signal: Signal, body: bytes) -> Answer:
        """Take a request, or not, and return how it is answered."""


class Deliveries:
    """Sends both signals to one backend. ``spans`` and ``metrics`` are what the exporters take for a delivery."""

    def __init__(self, backend: Backend) -> None:
        self.spans, self.metrics = _Spans("traces", backend), _Metrics("metrics", backend)


class _Delivery:
    def __init__(self, signal: Signal, backend: Backend) -> None:
        self._signal, self._backend, self._tries = signal, backend, Tries()

    def close(self) -> None:
        """Send nothing any more."""
        self._tries.close()

    def _send(self, body: bytes) -> SendResult:
        return self._tries.run(lambda _: tried(self._backend.arrive(self._signal, body), self._signal), TIME_S)


class _Spans(_Delivery):
    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        """Send one request."""
        return self._send(encode_spans(spans).SerializeToString())


class _Metrics(_Delivery):
    def send(self, data: MetricsData) -> SendResult:
        """Send one request."""
        return self._send(encode_metrics(data).SerializeToString())


def tried(answer: Answer, signal: Signal) -> Tried:
    """Return what the agent makes of an answer."""
    match answer.status:
        case 0:
            return Tried(SendResult(accepted=False, reason="closed", unanswered=True), broke=True)
        case -1:
            return Tried(SendResult(accepted=False, reason="nobody listens"))
        case -2:
            return Tried(SendResult(accepted=False, reason="no answer in time", unanswered=True))
        case status if status >= 400:
            named = retry.retry_after(answer.retry_after)
            result = retry.http_failure(status, "", named or 0.0)
            return Tried(result, again=retry.http_asks_again(status), again_s=named)
        case status:
            judge = acknowledgement.judge
            return Tried(judge(status, answer.kind, answer.body, RESPONSES[signal], accept_any_2xx=False))
