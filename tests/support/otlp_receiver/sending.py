"""The SDK's own exporters and one made-up batch of each signal, for the tests of the receiver."""

from __future__ import annotations

import http.client
from typing import Any, Protocol
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from tests.support.otlp_receiver import OtlpReceiver
from tests.support.otlp_receiver.wire import Signal, Wire

RESOURCE = Resource({"service.name": "sender", "team": "blue"})
SCOPE = InstrumentationScope("receiver.test", "1.2.3")
START_NS, END_NS = 1_700_000_000_000_000_001, 1_700_000_000_500_000_002
CUMULATIVE, DELTA = AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA
# Shorter than the SDK's first pause before a retry (0.8 s), so that a rejected batch is sent once.
ONE_ATTEMPT_SECONDS = 0.5


class Exporter(Protocol):
    """The methods that the SDK's four exporters share."""

    def export(self, batch: Any, /) -> Any:
        """Send a batch and return the SDK's result."""

    def shutdown(self) -> None:
        """Close the connection and end a pause before a retry."""


def span(name: str = "chat glm-4.7") -> ReadableSpan:
    """Return a span that has every field which the receiver reads."""

    def context(span_id: int) -> SpanContext:
        return SpanContext(0xABC, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    return ReadableSpan(
        name,
        context(0x1),
        context(0x2),
        RESOURCE,
        {"model": "glm-4.7", "tokens": 7, "cost": 0.5, "cached": True, "reasons": ["stop", "length"]},
        kind=SpanKind.CLIENT,
        status=Status(StatusCode.ERROR, "refused"),
        start_time=START_NS,
        end_time=END_NS,
        instrumentation_scope=SCOPE,
    )


def number(value: float, **attributes: str) -> NumberDataPoint:
    """Return a data point with this value."""
    return NumberDataPoint(attributes, START_NS, END_NS, value)


def metrics(*parts: Metric) -> MetricsData:
    """Return a batch of these metrics."""
    return MetricsData([ResourceMetrics(RESOURCE, [ScopeMetrics(SCOPE, list(parts), "")], "")])


def counter(name: str, *points: NumberDataPoint, temporality: AggregationTemporality = CUMULATIVE) -> Metric:
    """Return a monotonic sum with these points."""
    return Metric(name, "all of them", "{token}", Sum(list(points), temporality, is_monotonic=True))


TOKENS = metrics(counter("tokens", number(7, kind="input")))
LATENCY = Metric(
    "latency",
    "how long",
    "s",
    Histogram([HistogramDataPoint({}, START_NS, END_NS, 3, 4.5, [2, 1], [1.0], 0.5, 3.0)], CUMULATIVE),
)


def exporter(receiver: OtlpReceiver, signal: Signal, wire: Wire, **options: Any) -> Exporter:
    """Return the SDK's exporter of a signal that sends to the receiver. `options` are for its constructor."""
    options.setdefault("timeout", 10)
    match signal, wire:
        case "traces", "http":
            return HttpSpanExporter(f"{receiver.endpoint}/v1/traces", **options)
        case "metrics", "http":
            return HttpMetricExporter(f"{receiver.endpoint}/v1/metrics", **options)
        case "traces", _:
            return GrpcSpanExporter(receiver.grpc_endpoint, **options)
    return GrpcMetricExporter(receiver.grpc_endpoint, **options)


def send(
    receiver: OtlpReceiver, signal: Signal = "metrics", wire: Wire = "http", batch: Any = None, **how: Any
) -> bool:
    """Export one batch with the SDK. Return True if the SDK calls it a success."""
    sender = exporter(receiver, signal, wire, **how)
    try:
        return bool(sender.export(batch or ([span()] if signal == "traces" else TOKENS)).name == "SUCCESS")
    finally:
        sender.shutdown()


def post(
    receiver: OtlpReceiver, path: str = "/v1/metrics", body: bytes = b"", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """POST a request (empty by default) without following redirects. Return the response and its body."""
    connection = http.client.HTTPConnection(urlsplit(receiver.endpoint).netloc, timeout=10)
    try:
        named = {"content-type": "application/x-protobuf"} | {k.replace("_", "-"): v for k, v in headers.items()}
        connection.request("POST", path, body, named)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()
