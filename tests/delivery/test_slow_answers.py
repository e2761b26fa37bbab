"""Answers that come in drops, each within the time for one read: the time for all of them counts."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from otel_agent.delivery.prometheus import ask
from otel_agent.errors import NothingToVerify
from otel_agent.model import SendResult
from tests.delivery.lying_server import LyingServer, Visit
from tests.delivery.senders import options, sender

PAUSE_SECONDS = 0.05
TIMEOUT_SECONDS = 0.5
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000\r\n\r\n"


class DrippingServer:
    """Answers every connection with a head, and then a byte at a time. `port` is where it listens."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self.port: int = self._listener.getsockname()[1]

    def close(self) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            with suppress(OSError):
                connection, _ = self._listener.accept()
                with connection:
                    self._drip(connection)

    def _drip(self, connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(HEAD)
        while not self._closing.wait(PAUSE_SECONDS):
            connection.sendall(b"\n")


@pytest.fixture
def dripping() -> Iterator[DrippingServer]:
    server = DrippingServer()
    yield server
    server.close()


def test_a_dripping_answer_ends_with_the_time_for_the_export(dripping: DrippingServer) -> None:
    """Its body would take fifty seconds."""
    begun = time.monotonic()
    with sender(
        "traces", options("http", f"http://127.0.0.1:{dripping.port}", timeout_seconds=TIMEOUT_SECONDS)
    ) as send:
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
