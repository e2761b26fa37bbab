"""What counts as taken over gRPC, and in which words what was not."""

from __future__ import annotations

import pytest

from otel_agent.delivery.choose import deliveries
from otel_agent.delivery.options import OtlpOptions
from otel_agent.errors import SettingsError
from otel_agent.model import Receipt
from tests.delivery.relay import Relay
from tests.delivery.senders import NO_FILES, ONE_TRY_SECONDS, SIGNALS, in_its_time, options, sender
from tests.otlp_receiver import (
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
from tests.otlp_receiver.behaviours import NOT_SOON
from tests.otlp_receiver.sending import span
from tests.otlp_receiver.wire import Signal

EITHER = pytest.mark.parametrize("signal", SIGNALS)


@EITHER
def test_taken(receiver: OtlpReceiver, signal: Signal) -> None:
    with sender(signal, options("grpc", receiver.grpc_endpoint)) as send:
        assert send() == Receipt(taken=True)
    assert [(each.signal, each.protocol) for each in receiver.requests] == [(signal, "grpc")]


UNSURE = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL"}
"""Whether what was sent arrived nobody knows."""
LIMITED: dict[str, tuple[dict[str, float], str]] = {
    "hang": ({"timeout_seconds": 2.0}, ""),
    "drop": ({"timeout_seconds": ONE_TRY_SECONDS}, "gRPC DEADLINE_EXCEEDED"),
    "endless_body": ({"timeout_seconds": ONE_TRY_SECONDS}, "gRPC DEADLINE_EXCEEDED"),
}
"""Where no answer says when to try again: the time for one try, and what is said if the machine needed longer."""
REFUSED = {
    "unavailable": (unavailable(NOT_SOON), "UNAVAILABLE"),
    "dropped": (drop(), "UNAVAILABLE"),
    "throttled": (throttled(NOT_SOON), "RESOURCE_EXHAUSTED"),
    "unauthorized": (unauthorized(), "UNAUTHENTICATED"),
    "hanging": (hang(), "DEADLINE_EXCEEDED"),
    "garbage": (garbage_body(), "INTERNAL"),
    "too large an answer": (endless_body(), "RESOURCE_EXHAUSTED"),
}


@EITHER
@pytest.mark.parametrize(("behaviour", "code"), REFUSED.values(), ids=list(REFUSED))
def test_not_taken(receiver: OtlpReceiver, behaviour: Behaviour, code: str, signal: Signal) -> None:
    receiver.behave(then=behaviour)
    limit, late = LIMITED.get(behaviour.name, ({}, ""))
    expected = Receipt(taken=False, reason=f"gRPC {code}", unsure=code in UNSURE)
    with sender(signal, options("grpc", receiver.grpc_endpoint, **limit)) as send:
        assert in_its_time(send, receiver, late) == (expected, 1)
        assert in_its_time(send, receiver, late) == (expected, 1), "said differently the second time"


@EITHER
def test_an_invalid_argument_is_final(receiver: OtlpReceiver, signal: Signal) -> None:
    receiver.behave(then=bad_request())
    with sender(signal, options("grpc", receiver.grpc_endpoint)) as send:
        assert send() == Receipt(taken=False, final=True, reason="gRPC INVALID_ARGUMENT")
    assert len(receiver.requests) == 1


def test_tried_again_when_the_backend_says_so(receiver: OtlpReceiver) -> None:
    receiver.behave(throttled(retry_after_seconds=0))
    with sender("traces", options("grpc", receiver.grpc_endpoint)) as send:
        assert send() == Receipt(taken=True)
    assert [each.behaviour for each in receiver.requests] == ["throttled", "accept"]


def test_a_request_taken_without_some_of_it_is_not_sent_again(receiver: OtlpReceiver) -> None:
    """The exporters do not tell how many were rejected; what counts is that these are not owed."""
    receiver.behave(partial(1, "too old"))
    with sender("traces", options("grpc", receiver.grpc_endpoint)) as send:
        assert send().taken
    assert len(receiver.requests) == 1


def test_nothing_is_sent_after_closing(receiver: OtlpReceiver) -> None:
    with sender("traces", options("grpc", receiver.grpc_endpoint)) as send:
        assert send().taken
    assert send() == Receipt(taken=False, reason="no answer")
    assert len(receiver.requests) == 1


def test_an_address_without_a_scheme_means_tls(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the standard has it; ``OTEL_EXPORTER_OTLP_INSECURE`` speaks of such addresses only."""
    bare = receiver.grpc_endpoint.removeprefix("http://")
    with sender("traces", options("grpc", bare, timeout_seconds=ONE_TRY_SECONDS)) as send:
        receipt, _ = in_its_time(send, receiver, late="gRPC DEADLINE_EXCEEDED")
        assert receipt == Receipt(taken=False, reason="gRPC UNAVAILABLE", unsure=True)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
    with sender("traces", options("grpc", bare)) as send:
        assert send().taken
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "false")
    with sender("traces", options("grpc", receiver.grpc_endpoint)) as send:
        assert send().taken, "http:// has no TLS, whatever the variable says"


def test_compression(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred spans of one kind shrink to a fraction; a variable turns that off again."""

    def sent_bytes(compression: str) -> int:
        with Relay(int(receiver.grpc_endpoint.rpartition(":")[2])) as relay:
            chosen = options("grpc", f"http://127.0.0.1:{relay.port}", compression=compression)
            spans, _ = deliveries(traces="otlp", metrics="none", otlp=chosen, file=NO_FILES)
            assert spans is not None
            assert spans.send([span()] * 100).taken
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
            assert send().taken
    assert [(each.signal, each.protocol) for each in receiver.requests] == [("traces", "grpc"), ("metrics", "http")]


@EITHER
def test_there_is_no_third_protocol(signal: Signal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "http/json")
    with pytest.raises(SettingsError, match=r"OTLP over http/json is not supported\. Use http/protobuf or grpc\."):
        deliveries(traces="otlp", metrics="otlp", otlp=OtlpOptions(), file=NO_FILES)
