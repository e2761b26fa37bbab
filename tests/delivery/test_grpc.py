"""What counts as accepted over gRPC, and how every other outcome is reported."""

from __future__ import annotations

import pytest

from otel_agent.delivery.choose import deliveries
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.errors import SettingsError
from otel_agent.model import SendResult
from tests.delivery.relay import Relay
from tests.delivery.senders import NO_FILES, ONE_TRY_SECONDS, SIGNALS, in_its_time, options, sender
from tests.support.otlp_receiver import (
    Behaviour,
    OtlpReceiver,
    bad_request,
    drop,
    endless_body,
    garbage_body,
    hang,
    partial,
    throttled,
    unauthorized,
    unavailable,
)
from tests.support.otlp_receiver.behaviours import NOT_SOON
from tests.support.otlp_receiver.sending import span
from tests.support.otlp_receiver.wire import Signal

EITHER = pytest.mark.parametrize("signal", SIGNALS)


@EITHER
def test_a_grpc_request_that_is_answered_ok_is_accepted(receiver: OtlpReceiver, signal: Signal) -> None:
    with sender(signal, options("grpc", receiver.grpc_endpoint)) as send:
        assert send() == SendResult(accepted=True)
    assert [(each.signal, each.protocol) for each in receiver.requests] == [(signal, "grpc")]


UNANSWERED = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "OK"}
"""Nobody knows if the request arrived."""
LIMITED: dict[str, tuple[dict[str, float], str]] = {
    "hang": ({"timeout_seconds": 2.0}, ""),
    "drop": ({"timeout_seconds": ONE_TRY_SECONDS}, "gRPC DEADLINE_EXCEEDED"),
    "endless_body": ({"timeout_seconds": ONE_TRY_SECONDS}, "gRPC DEADLINE_EXCEEDED"),
}
"""If no answer says when to try again: the time for one try, and the reason if the machine needed longer."""
FAILURES = {
    "unavailable": (unavailable(NOT_SOON), "UNAVAILABLE"),
    "dropped": (drop(), "UNAVAILABLE"),
    "throttled": (throttled(NOT_SOON), "RESOURCE_EXHAUSTED"),
    "unauthorized": (unauthorized(), "UNAUTHENTICATED"),
    "hanging": (hang(), "DEADLINE_EXCEEDED"),
    "garbage": (garbage_body(), "INTERNAL"),
    "too large an answer": (endless_body(), "OK"),
}


@EITHER
@pytest.mark.parametrize(("behaviour", "code"), FAILURES.values(), ids=list(FAILURES))
def test_a_grpc_failure_is_reported_by_its_code_each_time(
    receiver: OtlpReceiver, behaviour: Behaviour, code: str, signal: Signal
) -> None:
    receiver.behave(then=behaviour)
    limit, late = LIMITED.get(behaviour.name, ({}, ""))
    expected = SendResult(
        accepted=False,
        reason="an endless answer instead of an acknowledgement" if code == "OK" else f"gRPC {code}",
        unanswered=code in UNANSWERED,
        retry_after_s=NOT_SOON if behaviour.name in ("unavailable", "throttled") else 0,
    )
    with sender(signal, options("grpc", receiver.grpc_endpoint, **limit)) as send:
        for which in ("first", "second"):
            result, requests = in_its_time(send, receiver, late)
            assert result == expected, f"the {which} time"
            assert requests == 1, f"the {which} time"


@EITHER
def test_an_invalid_argument_is_permanent_and_not_tried_again(receiver: OtlpReceiver, signal: Signal) -> None:
    receiver.behave(then=bad_request())
    with sender(signal, options("grpc", receiver.grpc_endpoint)) as send:
        assert send() == SendResult(accepted=False, permanent=True, reason="gRPC INVALID_ARGUMENT")
    assert len(receiver.requests) == 1


def test_a_grpc_request_is_tried_again_when_the_backend_asks_for_it(receiver: OtlpReceiver) -> None:
    receiver.behave(throttled(retry_after_seconds=0))
    with sender("traces", options("grpc", receiver.grpc_endpoint)) as send:
        assert send() == SendResult(accepted=True)
    assert [each.behaviour for each in receiver.requests] == ["throttled", "accept"]


def test_a_partial_success_over_grpc_is_not_sent_again(receiver: OtlpReceiver) -> None:
    """Its items are counted, as over HTTP. They must not stay pending."""
    receiver.behave(partial(1, "too old"))
    with sender("traces", options("grpc", receiver.grpc_endpoint)) as send:
        assert send() == SendResult(accepted=True, rejected=1, reason="too old")
    assert len(receiver.requests) == 1


def test_nothing_is_sent_over_grpc_after_closing(receiver: OtlpReceiver) -> None:
    with sender("traces", options("grpc", receiver.grpc_endpoint)) as send:
        assert send().accepted
    assert send() == SendResult(accepted=False, reason="nothing was sent")
    assert len(receiver.requests) == 1


def test_a_grpc_address_without_a_scheme_means_tls(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard says so; ``OTEL_EXPORTER_OTLP_INSECURE`` is for such addresses only."""
    bare = receiver.grpc_endpoint.removeprefix("http://")
    with sender("traces", options("grpc", bare, timeout_seconds=ONE_TRY_SECONDS)) as send:
        result, _ = in_its_time(send, receiver, late="gRPC DEADLINE_EXCEEDED")
        assert result == SendResult(accepted=False, reason="gRPC UNAVAILABLE"), "no data can have left"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
    with sender("traces", options("grpc", bare)) as send:
        assert send().accepted
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "false")
    with sender("traces", options("grpc", receiver.grpc_endpoint)) as send:
        assert send().accepted, "http:// has no TLS, whatever the variable says"


def test_gzip_compresses_grpc_requests_unless_a_variable_turns_it_off(
    receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred spans of one kind shrink to a fraction; a variable turns that off again."""

    def sent_bytes(compression: str) -> int:
        with Relay(int(receiver.grpc_endpoint.rpartition(":")[2])) as relay:
            chosen = options("grpc", f"http://127.0.0.1:{relay.port}", compression=compression)
            spans, _ = deliveries(traces="otlp", metrics="none", otlp=chosen, file=NO_FILES)
            assert spans is not None
            assert spans.send([span()] * 100).accepted
            spans.close()
            return relay.sent_bytes

    plain = sent_bytes("none")
    assert sent_bytes("gzip") < plain / 4
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none")
    assert sent_bytes("gzip") > plain / 2
    assert len(receiver.chats()) == 300


def test_each_signal_has_its_own_protocol(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.grpc_endpoint)
    for signal in SIGNALS:
        with sender(signal, OtlpOptions(endpoint=receiver.endpoint)) as send:
            assert send().accepted
    assert [(each.signal, each.protocol) for each in receiver.requests] == [("traces", "grpc"), ("metrics", "http")]


@EITHER
def test_a_protocol_other_than_http_and_grpc_is_an_error(signal: Signal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "http/json")
    with pytest.raises(SettingsError, match=r"OTLP over http/json is not supported\. Use http/protobuf or grpc\."):
        deliveries(traces="otlp", metrics="otlp", otlp=OtlpOptions(), file=NO_FILES)
