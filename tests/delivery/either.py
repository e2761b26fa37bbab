"""Tests of both signals over both wires: one request that arrives, or none, and the variables that decide about it."""

from __future__ import annotations

import pytest

from otel_agent.delivery.otlp_options import OtlpOptions
from tests.delivery.senders import SIGNALS, WIRES, sender
from tests.support.otlp_receiver import OtlpReceiver, Received
from tests.support.otlp_receiver.wire import Signal, Wire

EITHER_SIGNAL = pytest.mark.parametrize("signal", SIGNALS)
EITHER_WIRE = pytest.mark.parametrize("wire", WIRES)


def address(receiver: OtlpReceiver, wire: Wire) -> str:
    return receiver.endpoint if wire == "http" else receiver.grpc_endpoint


def sent(receiver: OtlpReceiver, signal: Signal, chosen: OtlpOptions) -> Received:
    """The request that one export became."""
    with sender(signal, chosen) as send:
        assert send().accepted
    return receiver.requests[-1]


def variable(name: str, signal: Signal | None = None) -> str:
    return f"OTEL_EXPORTER_OTLP_{signal.upper() + '_' if signal else ''}{name}"


def sent_nowhere(signal: Signal, chosen: OtlpOptions) -> None:
    with sender(signal, chosen):
        pass
