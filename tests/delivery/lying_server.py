"""A server on the loopback interface that answers as a test writes it, byte by byte, and a way to wait for a sender."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType

from otel_agent.model import SendResult
from tests.support.tcp_server import BLOCK, TcpServer
from tests.support.waiting import eventually

DROP_SECONDS = 0.02
"""Pause between two bytes of an answer that trickles."""

Talk = Callable[["Visit"], None]


class Visit:
    """One connection. Its methods raise OSError once either side has closed it."""

    def __init__(self, connection: socket.socket, closing: threading.Event) -> None:
        self._connection, self._closing = connection, closing

    def read_request(self) -> bytes:
        """Return a whole request: the head, and as many bytes as it announces."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._block()
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), 0)
        while len(body) < length:
            body += self._block()
        return head + b"\r\n\r\n" + body

    def say(self, data: bytes) -> None:
        """Send it at once."""
        self._connection.sendall(data)

    def trickle(self, data: Iterable[int]) -> None:
        """Send a byte at a time, each long before any timeout for a single read."""
        for byte in data:
            if self._closing.wait(DROP_SECONDS):
                return
            self.say(bytes([byte]))

    def wait(self) -> None:
        """Say nothing, until the client leaves or the test is over."""
        while not self._closing.is_set():
            with suppress(TimeoutError):
                if not self._connection.recv(BLOCK):
                    return

    def stall(self) -> None:
        """Neither read nor say anything until the test is over."""
        self._closing.wait()

    def _block(self) -> bytes:
        block = self._connection.recv(BLOCK)
        if not block:
            raise ConnectionResetError
        return block


class LyingServer(TcpServer):
    """Has one talk for each connection, and the last of them for all further ones."""

    def __init__(self, *talks: Talk) -> None:
        super().__init__()
        self._talks = talks
        self._closing = threading.Event()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        super().__exit__(kind, error, at)

    @property
    def endpoint(self) -> str:
        """The address for OTLP over HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def serve(self, client: socket.socket, number: int) -> None:
        """Talk, and close the connection."""
        with suppress(OSError):
            self._talks[min(number, len(self._talks) - 1)](Visit(client, self._closing))
        client.shutdown(socket.SHUT_RDWR)


def answered(reply: bytes) -> Talk:
    """A talk that reads a request and says this."""

    def talk(visit: Visit) -> None:
        visit.read_request()
        visit.say(reply)

    return talk


def lost(visit: Visit) -> None:
    """Read a request and close the connection: nobody knows if it was kept."""
    visit.read_request()


ACCEPTED = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
UNAVAILABLE = answered(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n")
REJECTED = answered(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


class InAnotherThread:
    """Runs a send that could last for ever, so that the test ends all the same."""

    def __init__(self, send: Callable[[], SendResult]) -> None:
        self._results: list[SendResult] = []
        self._thread = threading.Thread(target=lambda: self._results.append(send()), daemon=True)
        self._thread.start()

    def result(self) -> SendResult:
        """Return the result. Fails if there is none after a time that is long for any machine."""
        eventually(self._thread.is_alive, False)
        (result,) = self._results
        return result
