"""The rows and totals that the receiver makes of the spans and points that arrived."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, ExponentialHistogram
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as ProtoMetric
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint as ProtoPoint
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics as ProtoResourceMetrics
from opentelemetry.proto.metrics.v1.metrics_pb2 import ScopeMetrics as ProtoScopeMetrics
from opentelemetry.proto.metrics.v1.metrics_pb2 import Sum as ProtoSum
from opentelemetry.sdk.metrics.export import Gauge, Metric

from tests.support.otlp_receiver import OtlpReceiver, PointRow
from tests.support.otlp_receiver.sending import DELTA, END_NS, LATENCY, START_NS, counter, metrics, number, post, send
from tests.support.otlp_receiver.wire import Wire

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    """Yield a receiver that accepts everything."""
    with OtlpReceiver() as listening:
        yield listening


@pytest.mark.parametrize("wire", ["http", "grpc"])
def test_a_span_arrives_with_all_its_fields(receiver: OtlpReceiver, wire: Wire) -> None:
    send(receiver, "traces", wire)
    (row,) = receiver.spans()
    assert row.trace_id == f"{0xABC:032x}"
    assert row.span_id == f"{1:016x}"
    assert row.parent_span_id == f"{2:016x}"
    assert row.name == "chat glm-4.7"
    assert row.kind == "CLIENT"
    assert row.start_ns == START_NS
    assert row.end_ns == END_NS
    assert row.status_code == "ERROR"
    assert row.status_message == "refused"
    assert row.attributes == {
        "model": "glm-4.7",
        "tokens": 7,
        "cost": 0.5,
        "cached": True,
        "reasons": ("stop", "length"),
    }
    assert row.resource == {"service.name": "sender", "team": "blue"}
    assert row.scope_name == "receiver.test"
    assert row.scope_version == "1.2.3"


@pytest.fixture(params=["http", "grpc"])
def one_of_each(request: pytest.FixtureRequest, receiver: OtlpReceiver) -> list[PointRow]:
    """Send a sum, a gauge and a histogram, over each wire, and return their points in this order."""
    tokens = counter("tokens", number(2, kind="input"), temporality=DELTA)
    level = Metric("level", "how full", "1", Gauge([number(2.0)]))
    send(receiver, wire=request.param, batch=metrics(tokens, level, LATENCY))
    points = receiver.points()
    assert [point.metric for point in points] == ["tokens", "level", "latency"]
    return points


def test_a_sum_arrives_with_all_its_fields(one_of_each: list[PointRow]) -> None:
    tokens, _, _ = one_of_each
    assert tokens.unit == "{token}"
    assert tokens.description == "all of them"
    assert tokens.kind == "sum"
    assert tokens.monotonic is True
    assert tokens.temporality == "delta"
    assert tokens.attributes == {"kind": "input"}
    assert tokens.start_ns == START_NS
    assert tokens.time_ns == END_NS
    assert tokens.value == 2
    assert type(tokens.value) is int
    assert tokens.count is None


def test_a_gauge_arrives_with_all_its_fields(one_of_each: list[PointRow]) -> None:
    _, gauge, _ = one_of_each
    assert gauge.kind == "gauge"
    assert gauge.monotonic is False
    assert gauge.temporality == ""
    assert gauge.value == 2.0
    assert type(gauge.value) is float


def test_a_histogram_arrives_with_all_its_fields(one_of_each: list[PointRow]) -> None:
    _, _, latency = one_of_each
    assert latency.kind == "histogram"
    assert latency.temporality == "cumulative"
    assert latency.value is None
    assert latency.count == 3
    assert latency.sum == 4.5
    assert latency.bucket_counts == (2, 1)
    assert latency.bounds == (1.0,)


def test_points_arrive_with_their_resource_and_scope(one_of_each: list[PointRow]) -> None:
    assert {row.resource["team"] for row in one_of_each} == {"blue"}
    assert {(row.scope_name, row.scope_version) for row in one_of_each} == {("receiver.test", "1.2.3")}


def test_totals_add_up_the_last_point_of_each_series(receiver: OtlpReceiver) -> None:
    send(receiver, batch=metrics(counter("tokens", number(1, kind="in", model="a"), number(5, kind="out", model="a"))))
    send(receiver, batch=metrics(counter("tokens", number(2, kind="in", model="a"), number(10, kind="in", model="b"))))
    send(receiver, batch=metrics(counter("tokens", number(100)), counter("other", number(1000, kind="in"))))

    assert len(receiver.points()) == 6
    assert receiver.latest()["tokens", frozenset({("kind", "in"), ("model", "a")})].value == 2
    assert receiver.total("tokens") == 117
    assert receiver.total("tokens", {"kind": "in"}) == receiver.total("tokens", kind="in") == 12
    assert receiver.total("tokens", {"kind": "in"}, model="b") == 10
    assert receiver.total("tokens", {"kind": "none such"}) == receiver.total("none such") == 0
    assert receiver.by("tokens", "kind") == {"in": 12, "out": 5, None: 100}


def test_asking_for_the_total_of_a_delta_or_a_histogram_fails(receiver: OtlpReceiver) -> None:
    send(receiver, batch=metrics(counter("steps", number(1), temporality=DELTA), LATENCY))
    with pytest.raises(AssertionError, match="steps is delta"):
        receiver.total("steps")
    with pytest.raises(AssertionError, match="latency is a histogram"):
        receiver.by("latency", "kind")


def test_a_metric_without_a_row_is_rejected_and_named(receiver: OtlpReceiver) -> None:
    """A metric has no row if the row would hide something, such as an attribute that appears twice."""
    whole = ProtoMetric(name="m", sum=ProtoSum(data_points=[ProtoPoint(as_int=1)], aggregation_temporality=CUMULATIVE))
    doubled, atemporal, valueless = (ProtoMetric.FromString(whole.SerializeToString()) for _ in range(3))
    doubled.sum.data_points[0].attributes.extend([KeyValue(key="team"), KeyValue(key="team")])
    atemporal.sum.ClearField("aggregation_temporality")
    valueless.sum.data_points[0].ClearField("as_int")
    exponential = ProtoMetric(name="m", exponential_histogram=ExponentialHistogram())

    answers = [
        post(receiver, body=request_of(metric)) for metric in (doubled, atemporal, valueless, exponential, whole)
    ]

    assert [response.status for response, _ in answers] == [400, 400, 400, 400, 200]
    assert len(receiver.requests) == len(receiver.points()) == 1
    reasons = [
        "'team' appears twice",
        "'m' has no temporality",
        "a point of 'm' has no value",
        "no row: exponential_histogram",
    ]
    assert all(words in reason for words, reason in zip(reasons, receiver.malformed, strict=True))


def request_of(metric: ProtoMetric) -> bytes:
    """Return the body of a request with this metric alone."""
    scope = ProtoScopeMetrics(metrics=[metric])
    return ExportMetricsServiceRequest(
        resource_metrics=[ProtoResourceMetrics(scope_metrics=[scope])]
    ).SerializeToString()
