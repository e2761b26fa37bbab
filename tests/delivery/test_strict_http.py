"""What counts as accepted over HTTP: an OTLP acknowledgement, and nothing that only looks like one."""

from __future__ import annotations

import pytest

from otel_agent.errors import SettingsError
from otel_agent.model import SendResult
from tests.delivery.lying_server import LyingServer
from tests.delivery.lying_server import answered as raw
from tests.delivery.senders import ONE_TRY_SECONDS, SIGNALS, in_its_time, options, sender
from tests.support.otlp_receiver import (
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
from tests.support.otlp_receiver.behaviours import JSON, NOT_SOON, PROTOBUF, Refusal, Reply
from tests.support.otlp_receiver.wire import Signal

EITHER = pytest.mark.parametrize("signal", SIGNALS)
HANGING_SECONDS = 2.0
"""Long enough for a request to arrive on a busy machine, if no answer will come."""


def answered(receiver: OtlpReceiver, behaviour: Behaviour, signal: Signal = "traces") -> SendResult:
    """The result of one export. The answer ends it: it is final, or the next try is far away."""
    receiver.behave(then=behaviour)
    limit = {"timeout_seconds": HANGING_SECONDS} if behaviour.name == "hang" else {}
    with sender(signal, options("http", receiver.endpoint, **limit)) as send:
        return send()


def reply(body: bytes, content_type: str = JSON, *, status: int = 200) -> Behaviour:
    return Behaviour("made up", True, Reply(status, content_type, body))


ACKNOWLEDGED = [accept(), accept_empty_body(), no_content(), json_accept(), partial(0), partial(0, "slow down, please")]


@EITHER
@pytest.mark.parametrize("behaviour", ACKNOWLEDGED, ids=lambda each: each.name)
def test_an_otlp_acknowledgement_is_accepted(receiver: OtlpReceiver, behaviour: Behaviour, signal: Signal) -> None:
    assert answered(receiver, behaviour, signal) == SendResult(accepted=True)
    assert len(receiver.requests) == 1


UNKNOWN = {"hang", "portal", "garbage_body", "endless_body"}
"""Who says 2xx and nothing that a backend says may have kept the request."""
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
def test_an_answer_that_is_no_acknowledgement_is_a_failure_with_a_reason(
    receiver: OtlpReceiver, behaviour: Behaviour, reason: str, requests: int, signal: Signal
) -> None:
    assert answered(receiver, behaviour, signal) == SendResult(
        accepted=False,
        reason=reason,
        unanswered=behaviour.name in UNKNOWN,
        retry_after_s=NOT_SOON if behaviour.name in ("unavailable", "throttled") else 0,
    )
    assert len(receiver.requests) == requests
    assert receiver.malformed == (), "a redirect was followed"


@EITHER
def test_a_request_whose_connection_closes_is_sent_once_more_on_a_new_one(
    receiver: OtlpReceiver, signal: Signal
) -> None:
    receiver.behave(then=drop())
    with sender(signal, options("http", receiver.endpoint, timeout_seconds=ONE_TRY_SECONDS)) as send:
        result, requests = in_its_time(send, receiver, late="no answer in time")
    reason = "nothing answers there, or the connection was closed"
    assert result == SendResult(accepted=False, reason=reason, unanswered=True)
    assert requests == 2
    assert receiver.malformed == ()


@pytest.mark.parametrize("status", [400, 406, 413, 415, 422])
def test_a_status_that_blames_the_request_is_permanent(receiver: OtlpReceiver, status: int) -> None:
    result = answered(receiver, Behaviour("rejected", False, Reply(status)))
    assert not result.accepted
    assert result.permanent
    assert len(receiver.requests) == 1
    assert result.reason.startswith(f"HTTP {status} ")


@pytest.mark.parametrize("status", [401, 403, 404, 405, 500, 501])
def test_a_status_that_a_person_can_mend_is_not_permanent(receiver: OtlpReceiver, status: int) -> None:
    result = answered(receiver, Behaviour("rejected", False, Reply(status)))
    assert not result.accepted
    assert not result.permanent
    assert len(receiver.requests) == 1


@EITHER
def test_an_endpoint_at_which_nothing_listens_is_no_unknown_delivery(receiver: OtlpReceiver, signal: Signal) -> None:
    endpoint = receiver.endpoint
    receiver.close()
    with sender(signal, options("http", endpoint)) as send:
        assert send() == SendResult(accepted=False, reason="nothing answers there, or the connection was closed")


@EITHER
@pytest.mark.parametrize("value", ["two\nlines", " after a blank"])
def test_a_header_that_no_request_can_have_is_an_error_at_the_start(
    receiver: OtlpReceiver, signal: Signal, value: str
) -> None:
    with (
        pytest.raises(SettingsError, match=r"\[otlp\] headers: header 1 has a"),
        sender(signal, options("http", receiver.endpoint, headers={"x-scope": value})),
    ):
        pass
    assert receiver.requests == ()


PLAIN = Reply(content_type="text/plain", body=b"ok")


@EITHER
@pytest.mark.parametrize("accept_any_2xx", [False, True])
def test_plain_text_with_200_is_a_yes_only_if_a_setting_says_so(
    receiver: OtlpReceiver, signal: Signal, accept_any_2xx: bool
) -> None:
    receiver.behave(then=Behaviour("plain", accept_any_2xx, PLAIN, Refusal("UNKNOWN")))
    with sender(signal, options("http", receiver.endpoint, accept_any_2xx=accept_any_2xx)) as send:
        assert send().accepted == accept_any_2xx


@EITHER
def test_the_setting_accepts_neither_a_redirect_nor_an_answer_that_says_what_was_rejected(
    receiver: OtlpReceiver, signal: Signal
) -> None:
    receiver.behave(redirect(), partial(1))
    with sender(signal, options("http", receiver.endpoint, accept_any_2xx=True)) as send:
        assert not send().accepted
        assert send().rejected == 1


@EITHER
def test_an_http_request_is_tried_again_when_the_backend_asks_for_it(receiver: OtlpReceiver, signal: Signal) -> None:
    receiver.behave(throttled(retry_after_seconds=0), throttled(retry_after_seconds=0))
    with sender(signal, options("http", receiver.endpoint)) as send:
        assert send() == SendResult(accepted=True)
    assert [each.behaviour for each in receiver.requests] == ["throttled", "throttled", "accept"]


@EITHER
def test_items_that_a_partial_success_rejects_are_counted(receiver: OtlpReceiver, signal: Signal) -> None:
    assert answered(receiver, partial(3, "too old"), signal) == SendResult(accepted=True, rejected=3, reason="too old")


def test_a_partial_success_without_a_message_has_a_reason_too(receiver: OtlpReceiver) -> None:
    assert answered(receiver, partial(3)) == SendResult(accepted=True, rejected=3, reason="no reason given")


@pytest.mark.parametrize(
    ("signal", "body"),
    [
        ("traces", b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}}'),
        ("traces", b'{"partialSuccess": {"rejectedSpans": 2, "errorMessage": "too old"}}'),
        ("metrics", b'{"partialSuccess": {"rejectedDataPoints": "2", "errorMessage": "too old"}}'),
    ],
)
def test_a_partial_success_in_json_is_understood(receiver: OtlpReceiver, signal: Signal, body: bytes) -> None:
    assert answered(receiver, reply(body), signal) == SendResult(accepted=True, rejected=2, reason="too old")


def test_fewer_than_none_cannot_be_rejected(receiver: OtlpReceiver) -> None:
    assert answered(receiver, partial(-7, "what")) == SendResult(accepted=True)
    assert answered(receiver, reply(b'{"partialSuccess": {"rejectedSpans": -7}}')) == SendResult(accepted=True)


def test_what_a_backend_says_is_one_short_line_without_control_characters(receiver: OtlpReceiver) -> None:
    result = answered(receiver, partial(1, "\x1b[2Jbad\r\nlines" + "x" * 1000))
    assert result.reason.isprintable()
    assert len(result.reason) <= 200


@pytest.mark.parametrize("phrase", ["\x1b[31mEVIL\x07", "\x9b2JEVIL", "EVIL\u00ad" + "x" * 3000])
def test_what_stands_beside_a_status_is_one_short_line_too(phrase: str) -> None:
    head = b"HTTP/1.1 400 %b\r\nContent-Length: 0\r\n\r\n" % phrase.encode("latin-1")
    with LyingServer(raw(head)) as server, sender("traces", options("http", server.endpoint)) as send:
        reason = send().reason
    assert reason.startswith("HTTP 400 ")
    assert "EVIL" in reason
    assert reason.isprintable()
    assert len(reason) < 220


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
def test_hostile_json_is_no_acknowledgement(receiver: OtlpReceiver, body: bytes) -> None:
    result = answered(receiver, reply(body))
    assert not result.accepted
    assert "JSON" in result.reason or "application/json" in result.reason


def test_the_content_type_of_an_answer_may_have_parameters(receiver: OtlpReceiver) -> None:
    assert answered(receiver, reply(b"{}", "Application/JSON; charset=utf-8")) == SendResult(accepted=True)
    assert answered(receiver, reply(b"", f"{PROTOBUF}; v=1")) == SendResult(accepted=True)


def test_a_body_without_a_content_type_is_no_acknowledgement(receiver: OtlpReceiver) -> None:
    result = answered(receiver, reply(b"ok", ""))
    assert result.reason == "an answer of type unknown instead of an acknowledgement (a portal?)"


def test_the_answer_to_one_request_does_not_count_for_the_next(receiver: OtlpReceiver) -> None:
    """Nothing is sent after the exporter was closed. The last success must not look like a new one."""
    with sender("traces", options("http", receiver.endpoint)) as send:
        assert send().accepted
    assert send() == SendResult(accepted=False, reason="nothing was sent")
    assert len(receiver.requests) == 1
