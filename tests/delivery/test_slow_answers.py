"""Answers that come in drops, each within the time for one read: the time for all of them counts."""

from __future__ import annotations

import itertools
import time

import pytest

from otel_agent.delivery.prometheus import ask
from otel_agent.errors import NothingToVerify
from otel_agent.model import SendResult
from tests.delivery.lying_server import LyingServer, Visit
from tests.delivery.senders import options, sender

TIMEOUT_SECONDS = 0.5
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000\r\n\r\n"


def test_a_dripping_answer_ends_with_the_time_for_the_export() -> None:
    """Its body would take twenty seconds."""

    def dripping(visit: Visit) -> None:
        visit.read_request()
        visit.say(HEAD)
        visit.trickle(itertools.repeat(ord("\n")))

    begun = time.monotonic()
    with (
        LyingServer(dripping) as server,
        sender("traces", options("http", server.endpoint, timeout_seconds=TIMEOUT_SECONDS)) as send,
    ):
        assert send() == SendResult(accepted=False, reason="no answer in time", unanswered=True)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"])
def test_a_prometheus_that_trickles_ends_at_the_time_for_one_question(head: bytes) -> None:
    def trickling(visit: Visit) -> None:
        visit.read_request()
        visit.say(head)
        visit.trickle(itertools.cycle(b"X-One: more\r\n"))

    with LyingServer(trickling) as server, pytest.raises(NothingToVerify, match=r"no answer within 0\.5 s"):
        ask(server.endpoint, "up", timeout_seconds=TIMEOUT_SECONDS)
