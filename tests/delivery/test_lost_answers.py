"""What a request may have delivered is remembered until it is known, over all tries of one export."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from otel_agent.model import SendResult
from tests.delivery.lying_server import ACCEPTED, REJECTED, UNAVAILABLE, LyingServer, Visit, answered, lost
from tests.delivery.senders import SIGNALS, Send, options, sender
from tests.support.otlp_receiver import (
    Behaviour,
    OtlpReceiver,
    accept,
    bad_request,
    drop,
    throttled,
    unauthorized,
    unavailable,
)
from tests.support.otlp_receiver.wire import Signal

TALKS = {"lost": lost, "503": UNAVAILABLE, "400": REJECTED, "200": ACCEPTED}


def outcome(result: SendResult) -> str:
    """Return what the ledger is to know of it. It is one thing only."""
    assert result.accepted + result.unanswered + result.permanent <= 1
    if result.accepted:
        return "accepted"
    return "unknown" if result.unanswered else "permanent" if result.permanent else "retryable"


EXPECTED = {
    ("lost", "lost"): "unknown",
    ("lost", "503"): "unknown",
    ("lost", "400"): "unknown",
    ("lost", "200"): "accepted",
    ("503", "lost"): "unknown",
    ("503", "503"): "retryable",
    ("503", "400"): "permanent",
    ("503", "200"): "accepted",
    ("400", "200"): "permanent",
}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize(("answers", "expected"), EXPECTED.items(), ids=["-".join(each) for each in EXPECTED])
def test_a_lost_answer_of_the_first_try_is_not_forgotten(
    answers: tuple[str, str], expected: str, signal: Signal
) -> None:
    """A rejection of the second try says nothing of the first, so a value is not withdrawn for it."""
    talks = [TALKS[each] for each in answers]
    with LyingServer(*talks) as server, sender(signal, options("http", server.endpoint)) as send:
        assert outcome(send()) == expected


def test_a_lost_answer_and_then_a_refused_connection_is_unknown() -> None:
    def lost_and_gone(visit: Visit) -> None:
        visit.read_request()
        server.listen_no_more()

    with LyingServer(lost_and_gone) as server, sender("metrics", options("http", server.endpoint)) as send:
        reason = "nothing answers there, or the connection was closed"
        assert send() == SendResult(accepted=False, reason=reason, unanswered=True)
        assert server.visits == 1


def test_what_is_known_after_one_export_does_not_count_for_the_next() -> None:
    with LyingServer(lost, lost, UNAVAILABLE) as server, sender("traces", options("http", server.endpoint)) as send:
        assert outcome(send()) == "unknown"
        assert outcome(send()) == "retryable"


def test_an_answer_that_breaks_off_is_unknown() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000\r\n\r\n12"
    with LyingServer(answered(half)) as server, sender("traces", options("http", server.endpoint)) as send:
        assert outcome(send()) == "unknown"


@pytest.mark.parametrize(
    "reply", [b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail\r\n"]
)
def test_what_is_no_http_is_named_as_such(reply: bytes) -> None:
    with LyingServer(answered(reply)) as server, sender("traces", options("http", server.endpoint)) as send:
        assert send().reason == "what answers there does not speak HTTP"


@contextmanager
def refused_name() -> Iterator[str]:
    yield "http://no-such-name.invalid:4318"


@contextmanager
def refused_connection() -> Iterator[str]:
    with LyingServer(ACCEPTED) as server:
        server.listen_no_more()
    yield server.endpoint


@contextmanager
def no_tls_there() -> Iterator[str]:
    with LyingServer(lambda visit: visit.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        yield server.endpoint.replace("http://", "https://")


@pytest.mark.parametrize("wire", ["http", "grpc"])
@pytest.mark.parametrize("backend", [refused_name, refused_connection, no_tls_there])
def test_what_surely_did_not_arrive_is_not_unknown(backend: Callable[[], Iterator[str]], wire: str) -> None:
    with backend() as endpoint, sender("traces", options(wire, endpoint, timeout_seconds=10.0)) as send:  # type: ignore[attr-defined, arg-type]
        assert outcome(send()) == "retryable"
        assert outcome(send()) == "retryable", "the second time"


GRPC: dict[str, Behaviour] = {
    "lost": drop(),
    "throttled": throttled(0),
    "unavailable": unavailable(0),
    "unauthorized": unauthorized(),
    "rejected": bad_request(),
    "accepted": accept(),
}
AFTER_LOST = {"throttled": "unknown", "unauthorized": "unknown", "rejected": "unknown", "accepted": "accepted"}
FIRST = {"throttled": "retryable", "unauthorized": "retryable", "rejected": "permanent", "accepted": "accepted"}


@pytest.mark.parametrize(("first", "second"), list(itertools.product(["lost", "unavailable", "throttled"], AFTER_LOST)))
def test_a_lost_answer_over_grpc_is_not_forgotten(receiver: OtlpReceiver, first: str, second: str) -> None:
    receiver.behave(GRPC[first], then=GRPC[second])
    with sender("traces", options("grpc", receiver.grpc_endpoint)) as send:
        assert outcome(send()) == (FIRST if first == "throttled" else AFTER_LOST)[second]
    assert len(receiver.requests) >= 2


class TestRepeats:
    """A request is repeated within one export only if the one before it succeeded."""

    @staticmethod
    def requests(receiver: OtlpReceiver, send: Send) -> int:
        before = len(receiver.requests)
        send()
        return len(receiver.requests) - before

    def test_a_backend_that_is_away_for_long_gets_one_request_for_each_export(self, receiver: OtlpReceiver) -> None:
        with sender("traces", options("http", receiver.endpoint)) as send:
            receiver.behave(then=unavailable(0))
            assert [self.requests(receiver, send) for _ in range(3)] == [3, 1, 1]
            receiver.behave(then=drop())
            assert self.requests(receiver, send) == 1
            receiver.behave()
            assert self.requests(receiver, send) == 1
            receiver.behave(then=drop())
            assert self.requests(receiver, send) == 3

    @pytest.mark.parametrize("wire", ["http", "grpc"])
    def test_no_repeat_comes_before_the_time_that_the_backend_named(self, receiver: OtlpReceiver, wire: str) -> None:
        """It is longer than the export may last, so there is none."""
        receiver.behave(then=throttled(3600))
        endpoint = receiver.endpoint if wire == "http" else receiver.grpc_endpoint
        with sender("traces", options(wire, endpoint)) as send:  # type: ignore[arg-type]
            assert send().retry_after_s == 3600
        assert len(receiver.requests) == 1
