"""What counts as taken over HTTP: an acknowledgement that OTLP gives, and nothing that only looks like one."""

from __future__ import annotations

import pytest

from otel_agent.model import Receipt
from tests.delivery.senders import ONE_TRY_SECONDS, SIGNALS, in_its_time, options, sender
from tests.otlp_receiver import (
    Behaviour,
    OtlpReceiver,
    accept,
    accept_empty_body,
    drop,
    endless_body,
    garbage_body,
    hang,
    json_accept,
    no_content,
    not_modified,
    partial,
    portal,
    redirect,
    throttled,
    unauthorized,
    unavailable,
)
from tests.otlp_receiver.behaviours import JSON, NOT_SOON, PROTOBUF, Reply
from tests.otlp_receiver.wire import Signal

EITHER = pytest.mark.parametrize("signal", SIGNALS)
HANGING_SECONDS = 2.0
"""How long no answer is waited for: long enough for a request to arrive on a busy machine."""


def answered(receiver: OtlpReceiver, behaviour: Behaviour, signal: Signal = "traces") -> Receipt:
    """What one export comes to. The answer ends it: it is final, or the next try is far away."""
    receiver.behave(then=behaviour)
    limit = {"timeout_seconds": HANGING_SECONDS} if behaviour.name == "hang" else {}
    with sender(signal, options("http", receiver.endpoint, **limit)) as send:
        return send()


def reply(body: bytes, content_type: str = JSON, *, status: int = 200) -> Behaviour:
    return Behaviour("made up", True, Reply(status, content_type, body))


ACKNOWLEDGED = [accept(), accept_empty_body(), no_content(), json_accept(), partial(0), partial(0, "slow down, please")]


@EITHER
@pytest.mark.parametrize("behaviour", ACKNOWLEDGED, ids=lambda each: each.name)
def test_taken(receiver: OtlpReceiver, behaviour: Behaviour, signal: Signal) -> None:
    assert answered(receiver, behaviour, signal) == Receipt(taken=True)
    assert len(receiver.requests) == 1


NOT_ACKNOWLEDGED = {
    "redirect": (redirect(), "HTTP 302 instead of an acknowledgement (a redirect or a portal?)", 1),
    "not-modified": (not_modified(), "HTTP 304 instead of an acknowledgement (a redirect or a portal?)", 1),
    "portal": (portal(), "an answer of type text/html instead of an acknowledgement (a portal?)", 1),
    "garbage": (garbage_body(), "an answer that is not the application/x-protobuf it says it is", 1),
    "endless": (endless_body(), "an endless answer instead of an acknowledgement", 1),
    "hanging": (hang(), "no answer in time", 1),
    "unavailable": (unavailable(NOT_SOON), "HTTP 503 Service Unavailable", 1),
    "throttled": (throttled(NOT_SOON), "HTTP 429 Too Many Requests", 1),
    "unauthorized": (unauthorized(), "HTTP 401 Unauthorized", 1),
}


@EITHER
@pytest.mark.parametrize(("behaviour", "reason", "requests"), NOT_ACKNOWLEDGED.values(), ids=list(NOT_ACKNOWLEDGED))
def test_not_taken(receiver: OtlpReceiver, behaviour: Behaviour, reason: str, requests: int, signal: Signal) -> None:
    assert answered(receiver, behaviour, signal) == Receipt(
        taken=False, reason=reason, unsure=behaviour.name == "hang"
    ), "nobody knows whether what was sent arrived, if there is no answer"
    assert len(receiver.requests) == requests
    assert receiver.malformed == (), "a redirect was followed"


@EITHER
def test_a_request_whose_connection_closes_is_sent_once_more_on_a_new_one(
    receiver: OtlpReceiver, signal: Signal
) -> None:
    receiver.behave(then=drop())
    with sender(signal, options("http", receiver.endpoint, timeout_seconds=ONE_TRY_SECONDS)) as send:
        receipt, requests = in_its_time(send, receiver, late="no answer in time")
    reason = "nothing answers there, or the connection was closed"
    assert receipt == Receipt(taken=False, reason=reason, unsure=True)
    assert requests == 2
    assert receiver.malformed == ()


@pytest.mark.parametrize("status", [400, 406, 413, 415, 422])
def test_a_request_that_is_refused_as_such_is_final(receiver: OtlpReceiver, status: int) -> None:
    receipt = answered(receiver, Behaviour("refused", False, Reply(status)))
    assert (receipt.taken, receipt.final, len(receiver.requests)) == (False, True, 1)
    assert receipt.reason.startswith(f"HTTP {status} ")


@pytest.mark.parametrize("status", [401, 403, 404, 405, 500, 501])
def test_what_the_operator_can_mend_is_not_final(receiver: OtlpReceiver, status: int) -> None:
    receipt = answered(receiver, Behaviour("refused", False, Reply(status)))
    assert (receipt.taken, receipt.final, len(receiver.requests)) == (False, False, 1)


@EITHER
def test_nothing_listens(receiver: OtlpReceiver, signal: Signal) -> None:
    endpoint = receiver.endpoint
    receiver.close()
    with sender(signal, options("http", endpoint)) as send:
        assert send() == Receipt(taken=False, reason="nothing answers there, or the connection was closed")


@EITHER
def test_a_header_that_no_request_can_have(receiver: OtlpReceiver, signal: Signal) -> None:
    with sender(signal, options("http", receiver.endpoint, headers={"x-scope": "two\nlines"})) as send:
        assert send() == Receipt(taken=False, reason="a header cannot be sent as it is written")
    assert receiver.requests == ()


@EITHER
def test_tried_again_when_the_backend_says_so(receiver: OtlpReceiver, signal: Signal) -> None:
    receiver.behave(throttled(retry_after_seconds=0), throttled(retry_after_seconds=0))
    with sender(signal, options("http", receiver.endpoint)) as send:
        assert send() == Receipt(taken=True)
    assert [each.behaviour for each in receiver.requests] == ["throttled", "throttled", "accept"]


@EITHER
def test_rejected_are_counted(receiver: OtlpReceiver, signal: Signal) -> None:
    assert answered(receiver, partial(3, "too old"), signal) == Receipt(taken=True, rejected=3, reason="too old")


def test_rejected_without_a_word(receiver: OtlpReceiver) -> None:
    assert answered(receiver, partial(3)) == Receipt(taken=True, rejected=3, reason="no reason given")


@pytest.mark.parametrize(
    ("signal", "body"),
    [
        ("traces", b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}}'),
        ("traces", b'{"partialSuccess": {"rejectedSpans": 2, "errorMessage": "too old"}}'),
        ("metrics", b'{"partialSuccess": {"rejectedDataPoints": "2", "errorMessage": "too old"}}'),
    ],
)
def test_rejected_in_json(receiver: OtlpReceiver, signal: Signal, body: bytes) -> None:
    assert answered(receiver, reply(body), signal) == Receipt(taken=True, rejected=2, reason="too old")


def test_fewer_than_none_cannot_be_rejected(receiver: OtlpReceiver) -> None:
    assert answered(receiver, partial(-7, "what")) == Receipt(taken=True)
    assert answered(receiver, reply(b'{"partialSuccess": {"rejectedSpans": -7}}')) == Receipt(taken=True)


def test_what_a_backend_says_is_one_short_line_without_control_characters(receiver: OtlpReceiver) -> None:
    receipt = answered(receiver, partial(1, "\x1b[2Jbad\r\nlines" + "x" * 1000))
    assert receipt.reason.isprintable()
    assert len(receipt.reason) <= 200


HOSTILE_JSON = {
    "a list": b"[]",
    "cut short": b'{"partialSuccess": ',
    "nested beyond reason": b"[" * 50_000,
    "a number that is an object": b'{"partialSuccess": {"rejectedSpans": {"a": 1}}}',
    "a number that is none": b'{"partialSuccess": {"rejectedSpans": "many"}}',
    "infinitely many": b'{"partialSuccess": {"rejectedSpans": Infinity}}',
    "not text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("body", HOSTILE_JSON.values(), ids=list(HOSTILE_JSON))
def test_json_that_is_no_acknowledgement(receiver: OtlpReceiver, body: bytes) -> None:
    receipt = answered(receiver, reply(body))
    assert not receipt.taken
    assert "JSON" in receipt.reason or "application/json" in receipt.reason


def test_the_content_type_may_have_parameters(receiver: OtlpReceiver) -> None:
    assert answered(receiver, reply(b"{}", "Application/JSON; charset=utf-8")) == Receipt(taken=True)
    assert answered(receiver, reply(b"", f"{PROTOBUF}; v=1")) == Receipt(taken=True)


def test_no_content_type_and_a_body(receiver: OtlpReceiver) -> None:
    receipt = answered(receiver, reply(b"ok", ""))
    assert receipt.reason == "an answer of type unknown instead of an acknowledgement (a portal?)"


def test_an_answer_is_not_taken_for_the_next_one(receiver: OtlpReceiver) -> None:
    """After the exporter was shut down nothing is sent: then the last success is not a success, and never silent."""
    with sender("traces", options("http", receiver.endpoint)) as send:
        assert send().taken
    assert send() == Receipt(taken=False, reason="nothing was sent")
    assert len(receiver.requests) == 1
