"""The demo's receiver on the wire: what it accepts, and what it refuses without harm."""

from __future__ import annotations

import gzip
import http.client
import resource
import socket
import sys
import zlib
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from otel_agent.demo.receiver import MAX_REQUEST, Receiver

MEBIBYTE = 1 << 20


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def connection(receiver: Receiver) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(receiver.endpoint.removeprefix("http://"), timeout=20)


def post(receiver: Receiver, body: bytes, path: str = "/v1/metrics", encoding: str = "") -> int:
    """Send one request over a connection of its own, and return the status of the answer."""
    client = connection(receiver)
    headers = {"Content-Type": "application/x-protobuf"} | ({"Content-Encoding": encoding} if encoding else {})
    client.request("POST", path, body, headers)
    try:
        return client.getresponse().status
    finally:
        client.close()


def counter(value: int, **attributes: str) -> bytes:
    point = NumberDataPoint(
        as_int=value, attributes=[KeyValue(key=k, value=AnyValue(string_value=v)) for k, v in attributes.items()]
    )
    metric = Metric(name="tokens", unit="{token}", sum=Sum(data_points=[point]))
    scope = ScopeMetrics(metrics=[metric])
    return ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(scope_metrics=[scope])]).SerializeToString()


def spans(number: int) -> bytes:
    found = [Span(name=f"chat {index}", start_time_unix_nano=index) for index in range(number)]
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=found)])]
    ).SerializeToString()


def test_the_receiver_listens_on_the_loopback_interface_only(receiver: Receiver) -> None:
    assert receiver.endpoint.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("encoding", "encoded"), [("", bytes), ("identity", bytes), ("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_the_last_value_of_each_series_is_kept(encoding: str, encoded: type[bytes], receiver: Receiver) -> None:
    for body in (counter(1, model="a"), counter(5, model="b"), counter(3, model="a")):
        assert post(receiver, encoded(body), encoding=encoding) == 200
    assert {(point.attributes["model"], point.value) for point in receiver.points} == {("a", 3.0), ("b", 5.0)}
    assert receiver.requests == 3


def test_all_spans_are_counted_and_the_last_200_kept(receiver: Receiver) -> None:
    assert post(receiver, spans(500), "/v1/traces") == 200
    assert receiver.span_count == 500
    assert [span.name for span in receiver.spans[-2:]] == ["chat 498", "chat 499"]
    assert len(receiver.spans) < 250


@pytest.mark.parametrize("path", ["/", "/v1/logs", "/v1/metrics/", "/v1/metrics?x", "/v1"])
def test_a_request_to_another_path_is_answered_404(path: str, receiver: Receiver) -> None:
    assert post(receiver, counter(1), path) == 404


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/traces"])
@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"\xff\xff surely not protobuf", ""),
        (b'{"resourceMetrics": []}', ""),
        (b"not gzip", "gzip"),
        (gzip.compress(counter(1))[:-9], "gzip"),
        (b"not zlib", "deflate"),
        (b"", "deflate"),
    ],
    ids=["garbage", "json", "no gzip", "cut gzip", "no zlib", "nothing"],
)
def test_a_body_that_is_not_an_otlp_request_is_answered_400(
    body: bytes, encoding: str, path: str, receiver: Receiver
) -> None:
    assert post(receiver, body, path, encoding) == 400
    assert receiver.requests == 0


def test_an_unknown_encoding_is_answered_415(receiver: Receiver) -> None:
    assert post(receiver, counter(1), encoding="br") == 415


@pytest.mark.parametrize(
    ("length", "status"),
    [
        (str(MAX_REQUEST + 1), 413),
        ("9" * 6_000, 413),
        ("-1", 411),
        ("a", 411),
        ("", 411),
        ("٣", 411),
        ("1_0", 411),
        (None, 411),
    ],
)
def test_an_impossible_length_is_refused_before_the_body_is_read(
    length: str | None, status: int, receiver: Receiver
) -> None:
    header = b"" if length is None else f"Content-Length: {length}\r\n".encode()
    assert raw(receiver, b"POST /v1/metrics HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n").startswith(
        f"HTTP/1.1 {status} ".encode()
    )


def test_a_body_that_breaks_off_is_answered_400(receiver: Receiver) -> None:
    head = b"POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    assert raw(receiver, head + counter(1)).startswith(b"HTTP/1.1 400 ")
    assert receiver.points == []


def raw(receiver: Receiver, request: bytes) -> bytes:
    """Send bytes, and return all that comes back until the receiver closes the connection."""
    host, _, port = receiver.endpoint.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as client, client.makefile("rb") as answer:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return answer.read()


def test_the_unread_body_of_a_refused_request_is_not_read_as_the_next_request(receiver: Receiver) -> None:
    """The body of a refused request looks like a request of its own."""
    hidden = b"POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(counter(1)), counter(1))
    head = b"POST /elsewhere HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(hidden)
    assert raw(receiver, head + hidden).count(b"HTTP/1.1 ") == 1
    assert receiver.requests == 0


def test_one_connection_serves_many_requests(receiver: Receiver) -> None:
    client = connection(receiver)
    for value in range(3):
        client.request("POST", "/v1/metrics", counter(value))
        answer = client.getresponse()
        assert answer.status == 200
        assert answer.read() == b""
    client.close()


@pytest.mark.parametrize(("encoding", "window"), [("gzip", 31), ("deflate", 15)])
def test_a_few_bytes_do_not_become_gigabytes(encoding: str, window: int, receiver: Receiver) -> None:
    """The body has some 4 MiB and would inflate to 4 GiB of zeros."""
    squeezing = zlib.compressobj(9, zlib.DEFLATED, window)
    head = squeezing.compress(b"") + squeezing.flush(zlib.Z_FULL_FLUSH)
    block = squeezing.compress(bytes(MEBIBYTE)) + squeezing.flush(zlib.Z_FULL_FLUSH)
    before = highest_memory()
    assert post(receiver, head + block * 4096, encoding=encoding) == 413
    assert highest_memory() - before < 4 * MAX_REQUEST


def highest_memory() -> int:
    """Return the peak memory in bytes of this process, in which the receiver runs. Linux counts it in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1024 if sys.platform == "linux" else 1)


@pytest.mark.parametrize(("size", "status"), [(MAX_REQUEST, 200), (MAX_REQUEST + 1, 413)])
def test_a_body_is_inflated_up_to_the_limit_and_not_beyond(size: int, status: int, receiver: Receiver) -> None:
    """Nearly all of the request is a field that the receiver does not know."""
    length = size - 5
    varint = bytes([length >> shift & 0x7F | 0x80 for shift in (0, 7, 14)] + [length >> 21])
    body = b"\x7a" + varint + bytes(length)
    assert post(receiver, zlib.compress(body), encoding="deflate") == status
