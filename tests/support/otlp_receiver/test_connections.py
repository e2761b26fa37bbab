"""The receiver's connections: encodings, credentials, certificates, waiting, and the end of every thread."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.http import Compression

from tests.support.otlp_receiver import Authority, OtlpReceiver, TlsFiles, hang, redirect, throttled, unavailable
from tests.support.otlp_receiver.sending import (
    ONE_ATTEMPT_SECONDS,
    TOKENS,
    counter,
    exporter,
    metrics,
    number,
    post,
    send,
)
from tests.support.otlp_receiver.wire import Signal, Wire

BOTH_WIRES = pytest.mark.parametrize("wire", ["http", "grpc"])


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    """Yield a receiver that accepts everything."""
    with OtlpReceiver() as listening:
        yield listening


def port_of(url: str) -> int:
    """Return the port of a URL, which must name one."""
    port = urlsplit(url).port
    assert port is not None
    return port


@pytest.mark.parametrize(
    ("wire", "compression", "header", "encoding"),
    [
        ("http", Compression.Gzip, "content-encoding", "gzip"),
        ("http", Compression.Deflate, "content-encoding", "deflate"),
        ("grpc", grpc.Compression.Gzip, "user-agent", None),
    ],
)
def test_compressed_requests_are_read(
    receiver: OtlpReceiver, wire: Wire, compression: Any, header: str, encoding: str | None
) -> None:
    assert send(receiver, wire=wire, compression=compression)
    assert receiver.total("tokens") == 7
    (received,) = receiver.requests
    assert encoding is None or received.headers[header] == encoding


@pytest.mark.parametrize(
    ("path", "body", "headers", "reason"),
    [
        ("/v1/metrics", b"\xff\xff", {}, "2 bytes are not protobuf"),
        ("/v1/logs", b"", {}, "not a path of OTLP"),
        ("/v1/metrics", b"{}", {"content_type": "application/json"}, "content-type 'application/json'"),
        ("/v1/metrics", b"plain", {"content_encoding": "gzip"}, "the body is not gzip"),
        ("/v1/metrics", b"plain", {"content_encoding": "deflate"}, "the body is not deflate"),
        ("/v1/metrics", b"", {"content_encoding": "br"}, "unknown content-encoding 'br'"),
    ],
)
def test_a_request_that_is_not_otlp_is_rejected_and_named(
    receiver: OtlpReceiver, path: str, body: bytes, headers: dict[str, str], reason: str
) -> None:
    assert post(receiver, path, body, **headers)[0].status == 400
    assert receiver.requests == ()
    assert reason in receiver.malformed[0]


def test_a_request_of_unknown_length_is_rejected(receiver: OtlpReceiver) -> None:
    with socket.create_connection(("127.0.0.1", port_of(receiver.endpoint)), timeout=10) as connection:
        connection.sendall(b"POST /v1/metrics HTTP/1.1\r\nHost: receiver\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert "no content-length" in receiver.malformed[0]


def test_a_request_that_breaks_off_is_not_accepted(receiver: OtlpReceiver) -> None:
    with socket.create_connection(("127.0.0.1", port_of(receiver.endpoint)), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/metrics HTTP/1.1\r\nContent-Type: application/x-protobuf\r\nContent-Length: 9\r\n\r\n"
        )
    receiver.wait_for(lambda r: any("broke off after 0 of 9 bytes" in reason for reason in r.malformed))
    assert receiver.requests == ()


def rejected_over_grpc(receiver: OtlpReceiver, body: bytes) -> grpc.Call:
    """Call Export of the metrics service with these bytes, and return the call that was rejected."""
    with grpc.insecure_channel(urlsplit(receiver.grpc_endpoint).netloc) as channel:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
        )
        with pytest.raises(grpc.RpcError) as rejected:
            export(body, timeout=10)
    assert isinstance(rejected.value, grpc.Call)
    return rejected.value


def test_bad_protobuf_over_grpc_is_rejected_and_named(receiver: OtlpReceiver) -> None:
    assert rejected_over_grpc(receiver, b"\xff\xff").code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "2 bytes are not protobuf" in receiver.malformed[0]


def test_a_throttled_answer_over_grpc_carries_retry_info_in_its_status(receiver: OtlpReceiver) -> None:
    receiver.behave(throttled(7))
    rejected = rejected_over_grpc(receiver, b"")
    status = Status.FromString(dict(rejected.trailing_metadata() or ())["grpc-status-details-bin"])
    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert rejected.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry.retry_delay.seconds == 7


def test_a_followed_redirect_is_named(receiver: OtlpReceiver) -> None:
    receiver.behave(redirect())
    connection = http.client.HTTPConnection(urlsplit(receiver.endpoint).netloc, timeout=10)
    connection.request("GET", str(post(receiver)[0].headers["location"]))
    assert b"Sign in" in connection.getresponse().read()
    connection.close()
    assert receiver.malformed == ("GET /login",)


@BOTH_WIRES
def test_a_request_without_a_required_header_is_unauthorized(wire: Wire) -> None:
    with OtlpReceiver(require_headers={"Authorization": "Bearer x"}) as receiver:
        receiver.behave(unavailable())
        assert not send(receiver, wire=wire)
        assert not send(receiver, wire=wire, headers={"authorization": "Bearer y"})
        assert not send(receiver, wire=wire, headers={"authorization": "Bearer x"}, timeout=ONE_ATTEMPT_SECONDS)
        assert send(receiver, wire=wire, headers={"authorization": "Bearer x"})
        answers = [seen.behaviour for seen in receiver.requests]
        assert answers == ["unauthorized", "unauthorized", "unavailable", "accept"]
        assert receiver.requests[-1].headers["authorization"] == "Bearer x"
        assert len(receiver.points()) == 1


def trusting(wire: Wire, authority: Authority, client: TlsFiles | None = None) -> dict[str, Any]:
    """Return the exporter's options for TLS."""
    if wire == "grpc":
        key, chain = (client.key.read_bytes(), client.certificate.read_bytes()) if client else (None, None)
        return {"credentials": grpc.ssl_channel_credentials(authority.certificate.read_bytes(), key, chain)}
    options = {"certificate_file": str(authority.certificate)}
    if client:
        options |= {"client_certificate_file": str(client.certificate), "client_key_file": str(client.key)}
    return options


@pytest.fixture
def own_trust_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove two variables that a machine may have: `requests` prefers them to the exporter's own certificate."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)


@pytest.mark.usefixtures("own_trust_only")
@BOTH_WIRES
def test_a_client_trusts_only_a_certificate_of_its_authority(tmp_path: Path, wire: Wire) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    with OtlpReceiver(tls=ours.issue("server")) as receiver:
        assert receiver.endpoint.startswith("https://")
        assert receiver.grpc_endpoint.startswith("https://")
        assert not send(receiver, wire=wire, timeout=ONE_ATTEMPT_SECONDS, **trusting(wire, theirs))
        assert receiver.requests == ()
        assert send(receiver, wire=wire, **trusting(wire, ours))
        assert receiver.total("tokens") == 7


@pytest.mark.usefixtures("own_trust_only")
def test_a_client_that_never_begins_the_handshake_does_not_stop_others(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with (
        OtlpReceiver(tls=authority.issue("server")) as receiver,
        socket.create_connection(("127.0.0.1", port_of(receiver.endpoint))),
    ):
        assert send(receiver, timeout=5, **trusting("http", authority))


@pytest.mark.usefixtures("own_trust_only")
@BOTH_WIRES
def test_a_client_needs_a_certificate_if_the_receiver_requires_one(tmp_path: Path, wire: Wire) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    with OtlpReceiver(tls=ours.issue("server"), client_ca=ours.certificate) as receiver:
        for client in (None, theirs.issue("client", "sender@team")):
            assert not send(receiver, wire=wire, timeout=ONE_ATTEMPT_SECONDS, **trusting(wire, ours, client))
        assert receiver.requests == ()
        assert send(receiver, wire=wire, **trusting(wire, ours, ours.issue("client", "sender@team")))
        assert receiver.total("tokens") == 7


def test_waiting_ends_with_the_arrival(receiver: OtlpReceiver) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(1) as elsewhere:
        sent = elsewhere.submit(send, receiver)
        receiver.wait_for(lambda r: r.total("tokens") == 7, timeout=30)
        assert time.monotonic() - began < 10
        assert sent.result()


def test_waiting_too_long_says_what_arrived(receiver: OtlpReceiver) -> None:
    receiver.behave(unavailable())
    send(receiver, timeout=ONE_ATTEMPT_SECONDS)
    send(receiver, "traces")
    with pytest.raises(AssertionError, match="1 x metrics http unavailable, 1 x traces http accept; 1 span, 0 points"):
        receiver.wait_for(lambda r: r.total("tokens") == 7, timeout=0.01)


@BOTH_WIRES
def test_nothing_is_lost_if_several_clients_send_at_once(receiver: OtlpReceiver, wire: Wire) -> None:
    def send_own_series(sender: int) -> bool:
        out = exporter(receiver, "metrics", wire)
        sent = [out.export(metrics(counter("n", number(step, sender=str(sender))))).name for step in range(25)]
        out.shutdown()
        return set(sent) == {"SUCCESS"}

    with ThreadPoolExecutor(8) as senders:
        assert all(senders.map(send_own_series, range(8)))
    assert len(receiver.requests) == len(receiver.points()) == 200
    assert receiver.by("n", "sender") == {str(sender): 24 for sender in range(8)}


def test_nothing_outlives_the_receiver() -> None:
    """`close` ends idle connections, hanging answers of both wires, and the connection of a silent client."""
    before = set(threading.enumerate())
    with ThreadPoolExecutor(2) as clients, OtlpReceiver() as receiver:
        idle, *waiting = (exporter(receiver, "metrics", wire, timeout=60) for wire in ("http", "http", "grpc"))
        idle.export(TOKENS)
        silent = socket.create_connection(("127.0.0.1", port_of(receiver.endpoint)))
        receiver.behave(then=hang())
        hanging = [clients.submit(out.export, TOKENS) for out in waiting]
        receiver.wait_for(lambda r: len(r.requests) == 3)

        closing = time.monotonic()
        receiver.close()
        assert time.monotonic() - closing < 2
        assert not {thread.name for thread in set(threading.enumerate()) - before if belongs_to_a_receiver(thread)}

        for out in (idle, *waiting):
            out.shutdown()  # which also ends the pause before a retry
        silent.close()
        assert {answer.result(timeout=10).name for answer in hanging} == {"FAILURE"}


def belongs_to_a_receiver(thread: threading.Thread) -> bool:
    """True for a receiver's thread. The standard library names a connection's thread after its target."""
    return thread.name.startswith("otlp-") or "process_request_thread" in thread.name


@pytest.mark.parametrize("signal", ["traces", "metrics"])
@BOTH_WIRES
def test_a_receiver_can_take_over_the_ports_of_a_closed_one(signal: Signal, wire: Wire) -> None:
    with OtlpReceiver() as gone:
        port, grpc_port = port_of(gone.endpoint), port_of(gone.grpc_endpoint)
        assert send(gone, signal, wire)
    with pytest.raises(RuntimeError, match="not listening"):
        _ = gone.grpc_endpoint
    with OtlpReceiver(port=port, grpc_port=grpc_port) as back:
        assert send(back, signal, wire)
        assert port_of(back.endpoint) == port
        assert port_of(back.grpc_endpoint) == grpc_port
        assert len(back.requests) == len(gone.requests) == 1
