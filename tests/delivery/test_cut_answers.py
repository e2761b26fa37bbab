"""Half an answer is none. Whoever answers may not have kept the request, so it is sent again."""

from __future__ import annotations

import gzip
import zlib

import pytest

from otel_agent.model import SendResult
from tests.delivery.lying_server import LyingServer, answered
from tests.delivery.senders import PATIENT_SECONDS, SIGNALS, options, sender
from tests.support.otlp_receiver.wire import Signal

CLOSED = SendResult(accepted=False, reason="nothing answers there, or the connection was closed", unanswered=True)
OK = b"HTTP/1.1 200 OK\r\n"
PROTOBUF = b"Content-Type: application/x-protobuf\r\n"
JSON = b"Content-Type: application/json\r\n"
HTML = b"Content-Type: text/html\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
PACKED = gzip.compress(b'{"partialSuccess": {"rejectedSpans": 2, "errorMessage": "too old"}}')


def length(number: int) -> bytes:
    return b"Content-Length: %d\r\n\r\n" % number


CUT = {
    "in the status line": b"HTTP/1.1 200",
    "in the phrase": b"HTTP/1.1 200 O",
    "after the status line": OK,
    "after the name of a header": OK + b"Content-Type",
    "in the value of a header": OK + b"Content-Type: text/ht",
    "before the empty line": OK + PROTOBUF + b"Content-Length: 60\r\n",
    "in the empty line": OK + PROTOBUF + b"Content-Length: 0\r\n\r",
    "after the headers of a refusal": b"HTTP/1.1 400 Bad Request\r\nContent-Le",
    "before a page": OK + HTML + length(5000),
    "before a packed page": OK + HTML + b"Content-Encoding: gzip\r\n" + length(500),
    "in a packed page": OK + HTML + b"Content-Encoding: gzip\r\n" + length(500) + gzip.compress(b"")[:10],
    "before a body": OK + PROTOBUF + length(60),
    "in a body that could be whole": OK + JSON + length(60) + b"{}",
    "before a chunk": OK + HTML + CHUNKED,
    "in the size of a chunk": OK + PROTOBUF + CHUNKED + b"0",
    "in a chunk": OK + JSON + CHUNKED + b"20\r\n{}",
    "after a chunk": OK + JSON + CHUNKED + b"2\r\n{}\r\n",
    "before the end of the trailers": OK + JSON + CHUNKED + b"2\r\n{}\r\n0\r\n",
    "with a length that is none": OK + PROTOBUF + b"Content-Length: sixty\r\n\r\n",
    "after an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("reply", CUT.values(), ids=list(CUT))
def test_an_answer_that_is_cut_is_no_answer(reply: bytes, signal: Signal) -> None:
    with (
        LyingServer(answered(reply)) as server,
        sender(signal, options("http", server.endpoint, hurried_seconds=PATIENT_SECONDS)) as send,
    ):
        assert send() == CLOSED


NO_ACKNOWLEDGEMENT = {
    "an empty page": OK + HTML + length(0),
    "a page that the connection ends": OK + HTML + b"\r\n",
    "a packed page without a word": OK
    + HTML
    + b"Content-Encoding: gzip\r\n"
    + length(20)
    + gzip.compress(b"", mtime=0),
    "half of a packed body": OK + JSON + b"Content-Encoding: gzip\r\n\r\n" + PACKED[:-12],
    "the head of a packed body": OK
    + PROTOBUF
    + b"Content-Encoding: deflate\r\n"
    + length(2)
    + zlib.compress(b"", 1)[:2],
    "a coding that nobody asked for": OK + PROTOBUF + b"Content-Encoding: br\r\n" + length(2) + b"\x78\x01",
}


@pytest.mark.parametrize("reply", NO_ACKNOWLEDGEMENT.values(), ids=list(NO_ACKNOWLEDGEMENT))
def test_a_whole_answer_counts_only_if_it_is_one_of_otlp(reply: bytes) -> None:
    with (
        LyingServer(answered(reply)) as server,
        sender("traces", options("http", server.endpoint, hurried_seconds=PATIENT_SECONDS)) as send,
    ):
        result = send()
    assert (result.accepted, result.unanswered) == (False, True)
    assert "answer" in result.reason


WHOLE = {
    "without a length": OK + b"\r\n",
    "of its kind and without a length": OK + PROTOBUF + b"\r\n",
    "of HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n",
    "in an empty chunk": OK + PROTOBUF + CHUNKED + b"0\r\n\r\n",
    "in chunks": OK + JSON + CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\nX-Checked: yes\r\n\r\n",
    "no content of any kind": b"HTTP/1.1 204 No Content\r\n" + HTML + b"\r\n",
    "after an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + length(0),
    "packed to nothing": OK + PROTOBUF + b"Content-Encoding: gzip\r\n" + length(0),
    "in lines of Unix": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
}


@pytest.mark.parametrize("reply", WHOLE.values(), ids=list(WHOLE))
def test_an_acknowledgement_that_is_whole_is_accepted(reply: bytes) -> None:
    with (
        LyingServer(answered(reply)) as server,
        sender("traces", options("http", server.endpoint, hurried_seconds=PATIENT_SECONDS)) as send,
    ):
        assert send() == SendResult(accepted=True)


@pytest.mark.parametrize("coding", [b"gzip", b"x-gzip", b"deflate"])
def test_a_packed_answer_that_is_whole_is_read(coding: bytes) -> None:
    body = PACKED if coding != b"deflate" else zlib.compress(gzip.decompress(PACKED))
    reply = OK + JSON + b"Content-Encoding: %b\r\n" % coding + length(len(body)) + body
    with (
        LyingServer(answered(reply)) as server,
        sender("traces", options("http", server.endpoint, hurried_seconds=PATIENT_SECONDS)) as send,
    ):
        assert send() == SendResult(accepted=True, rejected=2, reason="too old")
