"""How the receiver answers, and what it says arrived, as the SDK's own exporters and a bare HTTP client see it."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Sequence

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, ExponentialHistogram
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as ProtoMetric
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint as ProtoPoint
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics as ProtoResourceMetrics
from opentelemetry.proto.metrics.v1.metrics_pb2 import ScopeMetrics as ProtoScopeMetrics
from opentelemetry.proto.metrics.v1.metrics_pb2 import Sum as ProtoSum
from opentelemetry.sdk.metrics.export import Gauge, Metric

from tests.support.otlp_receiver import (
    Behaviour,
    OtlpReceiver,
    accept,
    accept_empty_body,
    bad_request,
    drop,
    endless_body,
    garbage_body,
    hang,
    json_accept,
    no_content,
    not_modified,
    partial,
    portal,
    redirect,
    throttled,
    unauthorized,
    unavailable,
)
from tests.support.otlp_receiver.sending import (
    DELTA,
    END_NS,
    LATENCY,
    ONE_ATTEMPT_SECONDS,
    START_NS,
    counter,
    metrics,
    number,
    post,
    send,
)
from tests.support.otlp_receiver.wire import Signal, Wire

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE

# behaviour, and over which wires the SDK's exporters call it a success
AS_THE_SDK_SEES_IT: list[tuple[Behaviour, set[Wire]]] = [
    (accept(), {"http", "grpc"}),
    (accept_empty_body(), {"http", "grpc"}),
    (no_content(), {"http", "grpc"}),
    (json_accept(), {"http", "grpc"}),
    (partial(1, "one too old"), {"http", "grpc"}),
    (redirect(), {"http"}),
    (not_modified(), {"http"}),
    (portal(), {"http"}),
    (garbage_body(), {"http"}),
    (endless_body(limit_bytes=1 << 20), {"http"}),
    (unavailable(), set()),
    (throttled(), set()),
    (bad_request(), set()),
    (unauthorized(), set()),
    (hang(), set()),
    (drop(), set()),
]
# behaviour, and the HTTP response it is: status, content type, body
ON_THE_WIRE: list[tuple[Behaviour, int, str | None, bytes]] = [
    (accept(), 200, "application/x-protobuf", b""),
    (accept_empty_body(), 200, None, b""),
    (no_content(), 204, None, b""),
    (json_accept(), 200, "application/json", b"{}"),
    (unavailable(), 503, "application/x-protobuf", b""),
    (bad_request(), 400, "application/x-protobuf", b""),
    (unauthorized(), 401, "application/x-protobuf", b""),
    (not_modified(), 304, None, b""),
]


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as listening:
        yield listening


@pytest.mark.parametrize("wire", ["http", "grpc"])
@pytest.mark.parametrize("signal", ["traces", "metrics"])
@pytest.mark.parametrize(
    ("behaviour", "successes"), AS_THE_SDK_SEES_IT, ids=[row[0].name for row in AS_THE_SDK_SEES_IT]
)
def test_each_behaviour_as_the_sdk_sees_it(
    receiver: OtlpReceiver, signal: Signal, wire: Wire, behaviour: Behaviour, successes: set[Wire]
) -> None:
    """SUCCESS is not delivery: the SDK calls a login page a success, and a request that was taken a failure."""
    receiver.behave(then=behaviour)

    assert send(receiver, signal, wire, timeout=ONE_ATTEMPT_SECONDS) is (wire in successes)

    assert {(seen.signal, seen.protocol, seen.behaviour) for seen in receiver.requests} == {
        (signal, wire, behaviour.name)
    }
    rows: Sequence[object] = receiver.spans() if signal == "traces" else receiver.points()
    assert len(rows) == (len(receiver.requests) if behaviour.accepted else 0)
    assert receiver.malformed == ()


@pytest.mark.parametrize(
    ("behaviour", "status", "content_type", "body"), ON_THE_WIRE, ids=[row[0].name for row in ON_THE_WIRE]
)
def test_http_answers_on_the_wire(
    receiver: OtlpReceiver, behaviour: Behaviour, status: int, content_type: str | None, body: bytes
) -> None:
    receiver.behave(behaviour)
    response, read = post(receiver)
    assert response.status == status
    assert response.headers["content-type"] == content_type
    assert read == body


def test_http_answers_that_carry_more(receiver: OtlpReceiver) -> None:
    receiver.behave(redirect("/elsewhere"), throttled(7), portal(), partial(3, "too old"), partial(0), garbage_body())

    assert post(receiver)[0].headers["location"] == "/elsewhere"
    assert post(receiver)[0].headers["retry-after"] == "7"
    login = post(receiver)
    assert login[0].headers["content-type"].startswith("text/html")
    assert b"Sign in" in login[1]
    rejected = post(receiver)[1]
    assert ExportMetricsServiceResponse.FromString(rejected).partial_success.rejected_data_points == 3
    assert ExportTraceServiceResponse.FromString(rejected).partial_success.rejected_spans == 3
    assert ExportTraceServiceResponse.FromString(rejected).partial_success.error_message == "too old"
    assert ExportMetricsServiceResponse.FromString(post(receiver)[1]).HasField("partial_success")
    with pytest.raises(DecodeError):
        ExportMetricsServiceResponse.FromString(post(receiver)[1])


def test_an_endless_body_ends_at_its_limit(receiver: OtlpReceiver) -> None:
    receiver.behave(endless_body())
    response, body = post(receiver)
    assert response.status == 200
    assert len(body) == 64 << 20


@pytest.mark.parametrize(("behaviour", "silent_seconds"), [(drop(), 0), (hang(0.2, accepted=True), 0.2)])
def test_a_dropped_request_is_taken_and_the_client_cannot_know(
    receiver: OtlpReceiver, behaviour: Behaviour, silent_seconds: float
) -> None:
    receiver.behave(behaviour)
    asked = time.monotonic()
    with pytest.raises(http.client.RemoteDisconnected):
        post(receiver)
    assert time.monotonic() - asked >= silent_seconds
    assert [seen.accepted for seen in receiver.requests] == [True]


def test_a_dropped_connection_makes_the_sdk_send_twice(receiver: OtlpReceiver) -> None:
    """The HTTP exporter repeats at once after a lost connection: one `drop` is a success that counts double."""
    receiver.behave(drop())
    assert send(receiver, timeout=ONE_ATTEMPT_SECONDS)
    assert [point.value for point in receiver.points()] == [7, 7]


@pytest.mark.parametrize("wire", ["http", "grpc"])
def test_the_sdk_waits_as_long_as_a_throttled_answer_says(receiver: OtlpReceiver, wire: Wire) -> None:
    receiver.behave(throttled(0), throttled(0))
    assert send(receiver, wire=wire, timeout=ONE_ATTEMPT_SECONDS)
    assert [seen.behaviour for seen in receiver.requests] == ["throttled", "throttled", "accept"]


def test_behaviours_come_in_order_then_for_ever(receiver: OtlpReceiver) -> None:
    receiver.behave(unauthorized(), accept(), then=bad_request())
    assert [send(receiver) for _ in range(4)] == [False, True, False, False]
    receiver.behave()
    assert send(receiver)


def test_one_signal_can_be_refused_alone(receiver: OtlpReceiver) -> None:
    receiver.behave(then=bad_request(), signal="metrics")
    assert [send(receiver, "metrics"), send(receiver, "traces"), send(receiver, "metrics")] == [False, True, False]
    receiver.behave(unauthorized())
    assert [send(receiver, "metrics"), send(receiver, "metrics")] == [False, True]


@pytest.mark.parametrize("wire", ["http", "grpc"])
def test_a_span_arrives_whole(receiver: OtlpReceiver, wire: Wire) -> None:
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


@pytest.mark.parametrize("wire", ["http", "grpc"])
def test_points_arrive_whole_with_the_type_they_had(receiver: OtlpReceiver, wire: Wire) -> None:
    level = Metric("level", "how full", "1", Gauge([number(2.0)]))
    send(
        receiver,
        wire=wire,
        batch=metrics(counter("tokens", number(2, kind="input"), temporality=DELTA), level, LATENCY),
    )

    tokens, gauge, latency = receiver.points()
    assert tokens.metric == "tokens"
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
    assert gauge.kind == "gauge"
    assert gauge.monotonic is False
    assert gauge.temporality == ""
    assert gauge.value == 2.0
    assert type(gauge.value) is float
    assert latency.kind == "histogram"
    assert latency.temporality == "cumulative"
    assert latency.value is None
    assert latency.count == 3
    assert latency.sum == 4.5
    assert latency.bucket_counts == (2, 1)
    assert latency.bounds == (1.0,)
    assert {row.resource["team"] for row in receiver.points()} == {"blue"}
    assert {(row.scope_name, row.scope_version) for row in receiver.points()} == {("receiver.test", "1.2.3")}


def test_totals_are_those_of_the_last_point_of_each_series(receiver: OtlpReceiver) -> None:
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


def test_what_has_no_total_is_not_given_one(receiver: OtlpReceiver) -> None:
    send(receiver, batch=metrics(counter("steps", number(1), temporality=DELTA), LATENCY))
    with pytest.raises(AssertionError, match="steps is delta"):
        receiver.total("steps")
    with pytest.raises(AssertionError, match="latency is a histogram"):
        receiver.by("latency", "kind")


def test_what_has_no_row_is_refused_and_named(receiver: OtlpReceiver) -> None:
    """A row that would hide something (a doubled attribute, an unknown kind of metric) is no row."""
    whole = ProtoMetric(name="m", sum=ProtoSum(data_points=[ProtoPoint(as_int=1)], aggregation_temporality=CUMULATIVE))
    doubled, untold, valueless = (ProtoMetric.FromString(whole.SerializeToString()) for _ in range(3))
    doubled.sum.data_points[0].attributes.extend([KeyValue(key="team"), KeyValue(key="team")])
    untold.sum.ClearField("aggregation_temporality")
    valueless.sum.data_points[0].ClearField("as_int")
    exponential = ProtoMetric(name="m", exponential_histogram=ExponentialHistogram())

    answers = [post(receiver, body=request_of(metric)) for metric in (doubled, untold, valueless, exponential, whole)]

    assert [response.status for response, _ in answers] == [400, 400, 400, 400, 200]
    assert len(receiver.requests) == len(receiver.points()) == 1
    said = [
        "'team' stands twice",
        "'m' has no temporality",
        "a point of 'm' has no value",
        "no row: exponential_histogram",
    ]
    assert all(words in reason for words, reason in zip(said, receiver.malformed, strict=True))


def request_of(metric: ProtoMetric) -> bytes:
    scope = ProtoScopeMetrics(metrics=[metric])
    return ExportMetricsServiceRequest(
        resource_metrics=[ProtoResourceMetrics(scope_metrics=[scope])]
    ).SerializeToString()
