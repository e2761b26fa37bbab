"""The protocol that an address speaks is found by trying, unless a person chose one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from otel_agent.settings import Settings
from otel_agent.settings.values import OtlpSettings
from otel_agent.setup.trial import try_backend
from tests.support.otlp_receiver import OtlpReceiver


def asking(endpoint: str) -> Callable[[str], Settings]:
    def with_protocol(protocol: Any) -> Settings:
        return Settings(exporter="otlp", otlp=OtlpSettings(endpoint=endpoint, protocol=protocol))

    return with_protocol


def test_the_other_protocol_is_tried_if_the_address_speaks_it(receiver: OtlpReceiver) -> None:
    trial = try_backend(asking(receiver.grpc_endpoint), "http/protobuf", is_fixed=False)
    assert (trial.accepted, trial.protocol, trial.reason) == (True, "grpc", "")


def test_a_protocol_that_a_person_chose_is_not_replaced(receiver: OtlpReceiver) -> None:
    """They read that the address speaks another one, and decide."""
    trial = try_backend(asking(receiver.grpc_endpoint), "http/protobuf", is_fixed=True)
    assert (trial.accepted, trial.protocol) == (False, "http/protobuf")
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=grpc" in trial.reason
    assert receiver.requests == ()
