"""One deadline for a whole exchange, whatever the other side does, and what may have arrived until then."""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import socks  # type: ignore[import-untyped]

from otel_agent.delivery.choose import deliveries
from otel_agent.delivery.http_errors import failure_reason
from otel_agent.delivery.otlp_http import HttpSpans
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.delivery.ports import SpanDelivery
from otel_agent.model import SendResult
from tests.delivery.lying_server import ACCEPTED, InAnotherThread, LyingServer, Talk, Visit, answered
from tests.delivery.senders import NO_FILES, SIGNALS, options, sender
from tests.support.otlp_receiver import OtlpReceiver, hang
from tests.support.otlp_receiver.sending import span
from tests.support.otlp_receiver.wire import Signal, Wire
from tests.support.waiting import eventually

TIMEOUT_SECONDS = 0.5
IN_TIME = "no answer in time"
ENDLESS = "an endless answer instead of an acknowledgement"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"


def for_ever(first: bytes, again: bytes, *, trickling: bool = True) -> Talk:
    """Read a request, begin an answer, and go on with the same bytes: drop by drop, or as fast as they are read."""

    def talk(visit: Visit) -> None:
        visit.read_request()
        visit.say(first)
        while not trickling:
            visit.say(again * 100)
        visit.trickle(itertools.cycle(again))
        visit.wait()

    return talk


def silent(visit: Visit) -> None:
    visit.wait()


TRICKLING: dict[str, Talk] = {
    "nothing": for_ever(b"", b""),
    "a status line": for_ever(b"HTTP/1.1 200 ", b"O"),
    "one header": for_ever(HEAD + b"X-Long: ", b"x"),
    "headers": for_ever(HEAD, b"X-One: more\r\n"),
    "100 Continue": for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body": for_ever(HEAD + b"Content-Length: 60000\r\n\r\n", b"\n"),
    "a body without an end": for_ever(HEAD + b"\r\n", b"\n"),
    "nothing of a body without an end": for_ever(HEAD + b"\r\n", b""),
    "chunks": for_ever(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n\n\r\n"),
    "trailers": for_ever(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-One: more\r\n"),
}
FLOODING: dict[str, Talk] = {
    "a status line": for_ever(b"HTTP/1.1 200 ", b"O", trickling=False),
    "one header": for_ever(HEAD + b"X-Long: ", b"x", trickling=False),
    "headers": for_ever(HEAD, b"X-One: more\r\n", trickling=False),
    "100 Continue": for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", trickling=False),
    "a body without an end": for_ever(HEAD + b"\r\n", b"\n", trickling=False),
    "chunks": for_ever(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n\n\r\n", trickling=False),
    "trailers": for_ever(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-One: more\r\n", trickling=False),
}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("talk", TRICKLING.values(), ids=list(TRICKLING))
def test_an_answer_that_trickles_or_hangs_ends_at_the_deadline(talk: Talk, signal: Signal) -> None:
    """Each byte comes long before any timeout for one read, and the whole would never end."""
    with LyingServer(talk) as server, sender(signal, for_half_a_second("http", server.endpoint)) as send:
        assert InAnotherThread(send).result() == SendResult(accepted=False, reason=IN_TIME, unanswered=True)


def test_what_was_broken_off_leaves_no_thread_behind() -> None:
    def threads() -> int:
        return sum(each.name == "exchange" for each in threading.enumerate())

    with (
        LyingServer(TRICKLING["a body"]) as server,
        sender("traces", for_half_a_second("http", server.endpoint)) as send,
    ):
        InAnotherThread(send).result()
        eventually(threads, 0)


@pytest.mark.parametrize("talk", FLOODING.values(), ids=list(FLOODING))
def test_an_answer_that_never_ends_is_cut_long_before_the_deadline(talk: Talk) -> None:
    with LyingServer(talk) as server, sender("traces", options("http", server.endpoint)) as send:
        assert InAnotherThread(send).result() == SendResult(accepted=False, reason=ENDLESS, unanswered=True)


@pytest.mark.parametrize("status", [b"200 OK", b"302 Found", b"400 Bad Request", b"503 Service Unavailable"])
def test_a_packed_answer_of_gigabytes_is_never_unpacked(status: bytes) -> None:
    """32 MB of zeros become 32 kB. Whoever unpacks them all has them in memory."""
    packed = gzip.compress(bytes(32 << 20))
    head = b"HTTP/1.1 %b\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: gzip\r\n" % status
    reply = answered(
        head + b"Location: /login\r\nRetry-After: 3600\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)
    )
    with LyingServer(reply) as server, sender("traces", options("http", server.endpoint)) as send:
        with peak_memory() as peak:
            assert not InAnotherThread(send).result().accepted
        assert peak[0] < 4 << 20


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """Yield a list that has the bytes at the peak afterwards."""
    tracemalloc.start()
    found = [0]
    try:
        yield found
        found[0] = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_packed_acknowledgement_is_understood() -> None:
    body = gzip.compress(b'{"partialSuccess": {"rejectedSpans": 2, "errorMessage": "too old"}}')
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    reply = answered(head % len(body) + body)
    with LyingServer(reply) as server, sender("traces", options("http", server.endpoint)) as send:
        assert send() == SendResult(accepted=True, rejected=2, reason="too old")


def test_a_backend_that_does_not_read_the_request_ends_at_the_deadline() -> None:
    """16 MB fill the buffers of both sides. Some of them left, and so the request may count as delivered one day."""
    with LyingServer(lambda visit: visit.stall()) as server, one_delivery(server.endpoint) as delivery:
        sent = InAnotherThread(lambda: delivery.send([span("x" * (16 << 20))]))
        assert sent.result() == SendResult(accepted=False, reason=IN_TIME, unanswered=True)


@pytest.mark.parametrize("wire", ["http", "grpc"])
@pytest.mark.parametrize("talk", [silent, lambda visit: visit.trickle(itertools.cycle(b"\x16\x03\x01\x40\x00"))])
def test_a_tls_handshake_that_hangs_or_trickles_ends_at_the_deadline_and_nothing_has_left(
    wire: Wire, talk: Talk
) -> None:
    with LyingServer(talk) as server:
        endpoint = server.endpoint.replace("http://", "https://")
        with sender("traces", for_half_a_second(wire, endpoint)) as send:
            result = InAnotherThread(send).result()
    assert not result.accepted
    assert not result.unanswered
    assert not result.permanent


PROXIES = {
    "an HTTP proxy hangs": ("http", silent),
    "an HTTP proxy trickles": ("http", for_ever(b"HTTP/1.1 200 OK\r\n", b"X-One: more\r\n")),
    "a SOCKS proxy hangs": ("socks5h", silent),
    "a SOCKS proxy trickles": ("socks5h", lambda visit: visit.trickle(b"\x05\x00\x05\x00\x00\x03\xff" + b"x" * 300)),
}


@pytest.mark.parametrize(("scheme", "talk"), PROXIES.values(), ids=list(PROXIES))
def test_a_proxy_that_hangs_or_trickles_ends_at_the_deadline_and_nothing_has_left(
    scheme: str, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LyingServer(talk) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        with sender("traces", for_half_a_second("http", "https://backend.example")) as send:
            assert InAnotherThread(send).result() == SendResult(accepted=False, reason=IN_TIME)


def test_a_proxy_whose_time_is_up_before_that_of_the_request_did_not_answer_in_time() -> None:
    """The two clocks end at the same moment, so either may be the first."""
    late, refused = (socks.GeneralProxyError("Socket error", each) for each in (TimeoutError(), ConnectionResetError()))
    assert failure_reason(late) == IN_TIME
    assert failure_reason(refused) == "the proxy did not connect"


def test_a_connection_that_nobody_accepts_ends_at_the_deadline_and_nothing_has_left() -> None:
    """The kernel drops what does not fit into a listener's queue."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        while True:
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(TIMEOUT_SECONDS)
            try:
                waiting.connect(address)
            except TimeoutError:
                break
        send = stack.enter_context(sender("traces", for_half_a_second("http", f"http://127.0.0.1:{address[1]}")))
        assert InAnotherThread(send).result() == SendResult(accepted=False, reason=IN_TIME)


def test_a_name_that_is_looked_up_for_ever_ends_at_the_deadline_and_nothing_is_sent_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system's look-up has no deadline. Its late answer must not let a request out that counts as not sent."""
    answer, real = threading.Event(), socket.getaddrinfo
    asked: list[int] = []

    def late(*arguments: object, **more: object) -> object:
        asked.append(1)
        answer.wait()
        return real(*arguments, **more)  # type: ignore[arg-type]

    with LyingServer(ACCEPTED) as server, one_delivery(server.endpoint) as delivery:
        monkeypatch.setattr(socket, "getaddrinfo", late)
        expected = SendResult(accepted=False, reason=IN_TIME)
        assert InAnotherThread(lambda: delivery.send([span()])).result() == expected
        assert InAnotherThread(lambda: delivery.send([span()])).result() == expected
        assert len(asked) == 1, "a second look-up beside it"
        answer.set()
        eventually(lambda: delivery.send([span()]).accepted, True)
        assert server.visits == 1


def hour_long(wire: Wire, server: LyingServer) -> SpanDelivery:
    """Spans over a connection whose deadline is far away."""
    chosen = options(wire, server.endpoint, timeout_seconds=3600)
    spans, _ = deliveries(traces="otlp", metrics="none", otlp=chosen, file=NO_FILES)
    assert spans is not None
    return spans


@pytest.mark.parametrize("answer", [b"", b"X-One: more\r\n"], ids=["hanging", "trickling"])
def test_closing_breaks_off_what_is_under_way(answer: bytes) -> None:
    arrived = threading.Event()

    def talk(visit: Visit) -> None:
        visit.read_request()
        arrived.set()
        visit.say(HEAD)
        visit.trickle(itertools.cycle(answer))
        visit.wait()

    with LyingServer(talk) as server:
        spans = hour_long("http", server)
        sent = InAnotherThread(lambda: spans.send([span()]))
        eventually(arrived.is_set, True)
        spans.close()
        assert sent.result() == SendResult(accepted=False, reason="broken off", unanswered=True)
        assert spans.send([span()]) == SendResult(accepted=False, reason="nothing was sent")


def test_closing_breaks_off_a_connection_of_grpc() -> None:
    with LyingServer(silent) as server:
        spans = hour_long("grpc", server)
        sent = InAnotherThread(lambda: spans.send([span()]))
        eventually(lambda: server.visits, 1)
        spans.close()
        assert sent.result() == SendResult(accepted=False, reason="broken off")
        assert spans.send([span()]) == SendResult(accepted=False, reason="nothing was sent")


def test_closing_breaks_off_a_call_of_grpc(receiver: OtlpReceiver) -> None:
    receiver.behave(then=hang())
    spans, _ = deliveries(
        traces="otlp",
        metrics="none",
        otlp=options("grpc", receiver.grpc_endpoint, timeout_seconds=3600),
        file=NO_FILES,
    )
    assert spans is not None
    sent = InAnotherThread(lambda: spans.send([span()]))
    receiver.wait_for(lambda r: r.requests, 60)
    spans.close()
    assert sent.result() == SendResult(accepted=False, reason="gRPC CANCELLED", unanswered=True)


def test_closing_ends_the_pause_before_a_repeat() -> None:
    later = answered(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3000\r\nContent-Length: 0\r\n\r\n")
    with LyingServer(later) as server:
        spans = HttpSpans(options("http", server.endpoint, timeout_seconds=3600))
        sent = InAnotherThread(lambda: spans.send([span()]))
        eventually(lambda: server.visits, 1)
        spans.close()
        result = sent.result()
    assert not result.accepted
    assert server.visits == 1


def test_connections_are_used_again() -> None:
    """A handshake for each request would cost more than the request."""

    def three_times(visit: Visit) -> None:
        for _ in range(3):
            ACCEPTED(visit)

    with LyingServer(three_times) as server, sender("traces", options("http", server.endpoint)) as send:
        assert [send().accepted for _ in range(3)] == [True] * 3
        assert server.visits == 1


def for_half_a_second(wire: Wire, endpoint: str) -> OtlpOptions:
    return options(wire, endpoint, timeout_seconds=TIMEOUT_SECONDS)


@contextmanager
def one_delivery(endpoint: str) -> Iterator[SpanDelivery]:
    delivery = HttpSpans(options("http", endpoint, timeout_seconds=TIMEOUT_SECONDS))
    yield delivery
    delivery.close()
