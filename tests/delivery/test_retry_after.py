"""The pause that a backend asks for: read in each form that the standards have, and bounded."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from otel_agent.delivery.grpc_details import asked_pause
from otel_agent.delivery.retry import retry_after
from otel_agent.model import SendResult
from tests.delivery.lying_server import LyingServer, answered
from tests.delivery.senders import SIGNALS, WIRES, options, sender
from tests.support.otlp_receiver import OtlpReceiver, throttled, unavailable
from tests.support.otlp_receiver.wire import Signal, Wire

NOW = 1_800_000_000
DAY = 86_400.0

WRITTEN: dict[str, float | None] = {
    "0": 0.0,
    "120": 120.0,
    " 7 ": 7.0,
    "1.5": 1.5,
    "86400": DAY,
    "86401": DAY,
    "9" * 30: DAY,
    formatdate(NOW + 90, usegmt=True): 90.0,
    formatdate(NOW - 90, usegmt=True): 0.0,
    formatdate(NOW + 10 * DAY, usegmt=True): DAY,
    "Sunday, 06-Nov-94 08:49:37 GMT": 0.0,
    "": None,
    "-5": None,
    "+5": None,
    "nan": None,
    "inf": None,
    "1e9": None,
    "soon": None,
    "12 34": None,
    "9" * 400: None,
    "٣": None,
    "Fri, 99 Foo 2026 99:99:99 GMT": None,
    "Mon, 01 Jan 99999999999 00:00:00 GMT": None,
}


@pytest.mark.parametrize(("written", "seconds"), WRITTEN.items())
def test_a_header_retry_after_is_a_number_or_a_date_and_nonsense_is_ignored(
    written: str, seconds: float | None
) -> None:
    assert retry_after(written, now=NOW) == seconds


def test_a_date_is_compared_with_the_backends_own_clock() -> None:
    """This machine's clock may be hours off."""
    assert retry_after(formatdate(NOW + 90, usegmt=True), formatdate(NOW, usegmt=True), now=NOW + 5000) == 90.0
    assert retry_after(formatdate(NOW + 90, usegmt=True), "never", now=NOW + 50) == 40.0


@pytest.mark.parametrize("status", [b"429 Too Many Requests", b"503 Service Unavailable", b"401 Unauthorized"])
def test_the_pause_is_in_the_result_of_any_failure(status: bytes) -> None:
    date = b"Date: %b\r\nRetry-After: %b" % tuple(formatdate(NOW + n, usegmt=True).encode() for n in (0, 300))
    for header in (b"Retry-After: 300", date):
        reply = answered(b"HTTP/1.1 %b\r\n%b\r\nContent-Length: 0\r\n\r\n" % (status, header))
        with LyingServer(reply) as server, sender("metrics", options("http", server.endpoint)) as send:
            result = send()
            assert (result.accepted, result.retry_after_s, server.visits) == (False, 300.0, 1)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("signal", SIGNALS)
def test_both_signals_and_both_protocols_say_the_pause(receiver: OtlpReceiver, signal: Signal, wire: Wire) -> None:
    endpoint = receiver.endpoint if wire == "http" else receiver.grpc_endpoint
    for behaviour in (throttled(3600), unavailable(3600)):
        receiver.behave(then=behaviour)
        with sender(signal, options(wire, endpoint)) as send:
            assert send().retry_after_s == 3600.0


def test_an_acceptance_asks_for_no_pause() -> None:
    reply = answered(b"HTTP/1.1 200 OK\r\nRetry-After: 300\r\nContent-Length: 0\r\n\r\n")
    with LyingServer(reply) as server, sender("traces", options("http", server.endpoint)) as send:
        assert send() == SendResult(accepted=True)


def packed(seconds: int, nanos: int = 0) -> bytes:
    info, detail = RetryInfo(), AnyMessage()
    info.retry_delay.seconds, info.retry_delay.nanos = seconds, nanos
    detail.Pack(info)
    return bytes(Status(code=8, details=[AnyMessage(type_url="x/unknown"), detail]).SerializeToString())


TRAILERS = {
    "the details of the status": ((("other", "x"), ("grpc-status-details-bin", packed(7, 500_000_000))), 7.5),
    "nothing to wait for": ((("grpc-status-details-bin", packed(0)),), 0.0),
    "a year": ((("grpc-status-details-bin", packed(31_536_000)),), DAY),
    "a time in the past": ((("grpc-status-details-bin", packed(-5)),), 0.0),
    "garbage": ((("grpc-status-details-bin", b"\xff\xff\xff"),), None),
    "text": ((("grpc-status-details-bin", "7"),), None),
    "no details": ((("grpc-status-details-bin", bytes(Status(code=8).SerializeToString())),), None),
    "no trailers": (None, None),
}


@pytest.mark.parametrize(("trailers", "seconds"), TRAILERS.values(), ids=list(TRAILERS))
def test_the_retry_info_of_grpc_is_read_and_nonsense_is_ignored(
    trailers: tuple[tuple[str, str | bytes], ...] | None, seconds: float | None
) -> None:
    assert asked_pause(trailers) == seconds
