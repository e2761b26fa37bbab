"""An answer of gRPC counts only with its message and its status, frame by frame (RFC 9113)."""

from __future__ import annotations

import io
import socket
from contextlib import suppress

import pytest

from otel_agent.model import SendResult
from tests.delivery.senders import PATIENT_SECONDS, SIGNALS, options, sender
from tests.support.otlp_receiver.wire import Signal
from tests.support.tcp_server import TcpServer

DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE_BYTES, HEAD_BYTES = 24, 9

Frame = tuple[int, int, bytes]
"""Its kind, its flags, and what it carries."""


def field(name: bytes, value: bytes) -> bytes:
    """Return a header in HPACK's plainest form."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


HEAD: Frame = (HEADERS, END_HEADERS, b"\x88" + field(b"content-type", b"application/grpc"))
ACCEPTED_STATUS = field(b"grpc-status", b"0")
TRAILERS: Frame = (HEADERS, END_HEADERS | END_STREAM, ACCEPTED_STATUS)
EMPTY_MESSAGE: Frame = (DATA, 0, bytes(5))


class FrameServer(TcpServer):
    """Reads a call, says the frames of a test on its stream, and closes the connection."""

    def __init__(self, *answer: Frame) -> None:
        super().__init__()
        self._answer = answer

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, client: socket.socket, number: int) -> None:
        """Read frames until the call is whole."""
        with suppress(OSError), client.makefile("rb") as source:
            source.read(PREFACE_BYTES)
            self._say(client, SETTINGS, 0, 0, b"")
            stream = self._stream_of_the_call(client, source)
            for kind, flags, body in self._answer:
                self._say(client, kind, flags, stream, body)
            client.shutdown(socket.SHUT_WR)
            source.read()

    def _stream_of_the_call(self, client: socket.socket, source: io.BufferedReader) -> int:
        while len(head := source.read(HEAD_BYTES)) == HEAD_BYTES:
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:])
            body = source.read(int.from_bytes(head[:3]))
            if kind == DATA and flags & END_STREAM:
                return stream
            if kind in (SETTINGS, PING) and not flags & ACK:
                self._say(client, kind, ACK, 0, body if kind == PING else b"")
        raise ConnectionResetError

    @staticmethod
    def _say(client: socket.socket, kind: int, flags: int, stream: int, body: bytes) -> None:
        client.sendall(len(body).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + body)


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_message_and_a_status_are_an_acknowledgement(signal: Signal) -> None:
    with FrameServer(HEAD, EMPTY_MESSAGE, TRAILERS) as server, sender(signal, options("grpc", server.endpoint)) as send:
        assert send() == SendResult(accepted=True)


CUT: dict[str, tuple[Frame, ...]] = {
    "after the headers": (HEAD,),
    "after the headers of a whole stream": ((HEADERS, END_HEADERS | END_STREAM, HEAD[2]),),
    "after the message": (HEAD, EMPTY_MESSAGE),
    "after the message of a whole stream": (HEAD, (DATA, END_STREAM, EMPTY_MESSAGE[2])),
    "in the message": (HEAD, (DATA, 0, b"\0\0\0\0\x09\x0a"), TRAILERS),
    "before the message": (HEAD, TRAILERS),
    "before all but the status": ((HEADERS, END_HEADERS | END_STREAM, HEAD[2] + ACCEPTED_STATUS),),
    "in the trailers": (HEAD, EMPTY_MESSAGE, (HEADERS, END_HEADERS | END_STREAM, field(b"x", b"y"))),
}


@pytest.mark.parametrize("frames", CUT.values(), ids=list(CUT))
def test_half_of_an_answer_is_none(frames: tuple[Frame, ...]) -> None:
    with (
        FrameServer(*frames) as server,
        sender("traces", options("grpc", server.endpoint, hurried_seconds=PATIENT_SECONDS)) as send,
    ):
        result = send()
    assert (result.accepted, result.unanswered) == (False, True)
    assert result.reason.startswith("gRPC ")
