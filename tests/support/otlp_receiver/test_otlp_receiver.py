"""The receiver's answers and its record of what arrived, seen by the SDK's own exporters and a plain HTTP client."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Sequence

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

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
from tests.support.otlp_receiver.sending import ONE_ATTEMPT_SECONDS, post, send
from tests.support.otlp_receiver.wire import Signal, Wire

# Each behaviour, and the wires over which the SDK's exporters call it a success.
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
# Each behaviour, and its HTTP response: status, content type, body.
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
    """Yield a receiver that accepts everything."""
    with OtlpReceiver() as listening:
        yield listening


@pytest.mark.parametrize("wire", ["http", "grpc"])
@pytest.mark.parametrize("signal", ["traces", "metrics"])
@pytest.mark.parametrize(
    ("behaviour", "successes"), AS_THE_SDK_SEES_IT, ids=[row[0].name for row in AS_THE_SDK_SEES_IT]
)
def test_the_sdk_sees_each_behaviour_as_listed(
    receiver: OtlpReceiver, signal: Signal, wire: Wire, behaviour: Behaviour, successes: set[Wire]
) -> None:
    """The SDK may call a login page a success, and an accepted request a failure."""
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
def test_each_http_answer_has_the_listed_status_type_and_body(
    receiver: OtlpReceiver, behaviour: Behaviour, status: int, content_type: str | None, body: bytes
) -> None:
    receiver.behave(behaviour)
    response, read = post(receiver)
    assert response.status == status
    assert response.headers["content-type"] == content_type
    assert read == body


def test_http_answers_carry_their_headers_and_messages(receiver: OtlpReceiver) -> None:
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
def test_a_dropped_request_is_accepted_and_the_client_gets_no_answer(
    receiver: OtlpReceiver, behaviour: Behaviour, silent_seconds: float
) -> None:
    receiver.behave(behaviour)
    asked = time.monotonic()
    with pytest.raises(http.client.RemoteDisconnected):
        post(receiver)
    assert time.monotonic() - asked >= silent_seconds
    assert [seen.accepted for seen in receiver.requests] == [True]


def test_a_dropped_connection_makes_the_sdk_send_twice(receiver: OtlpReceiver) -> None:
    """The HTTP exporter sends again at once after a lost connection, so one `drop` counts the points twice."""
    receiver.behave(drop())
    assert send(receiver, timeout=ONE_ATTEMPT_SECONDS)
    assert [point.value for point in receiver.points()] == [7, 7]


@pytest.mark.parametrize("wire", ["http", "grpc"])
def test_the_sdk_waits_as_long_as_a_throttled_answer_says(receiver: OtlpReceiver, wire: Wire) -> None:
    receiver.behave(throttled(0), throttled(0))
    assert send(receiver, wire=wire, timeout=ONE_ATTEMPT_SECONDS)
    assert [seen.behaviour for seen in receiver.requests] == ["throttled", "throttled", "accept"]


def test_behaviours_come_in_order_and_then_the_last_one_stays(receiver: OtlpReceiver) -> None:
    receiver.behave(unauthorized(), accept(), then=bad_request())
    assert [send(receiver) for _ in range(4)] == [False, True, False, False]
    receiver.behave()
    assert send(receiver)


def test_one_signal_can_be_rejected_alone(receiver: OtlpReceiver) -> None:
    receiver.behave(then=bad_request(), signal="metrics")
    assert [send(receiver, "metrics"), send(receiver, "traces"), send(receiver, "metrics")] == [False, True, False]
    receiver.behave(unauthorized())
    assert [send(receiver, "metrics"), send(receiver, "metrics")] == [False, True]
