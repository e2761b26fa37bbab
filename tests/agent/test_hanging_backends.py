"""Counting, metrics and spans share no fate: a backend that hangs for one of them delays none of the others."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import T0, JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver, hang

USED = Tokens(700, 50, 20, 300, 9)
BRISK = {
    "OTEL_AGENT_RESCAN_INTERVAL_SECONDS": "0.05",
    "OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS": "0.1",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "300000",
    "OTEL_AGENT_SHUTDOWN_TIMEOUT_SECONDS": "1",
}
"""A request may take five minutes: whatever waits for one would outlast the test."""


def spans_of(messages: int) -> Callable[[OtlpReceiver], bool]:
    return lambda receiver: len({span.span_id for span in receiver.chats()}) == messages


def tokens_of(messages: int) -> Callable[[OtlpReceiver], bool]:
    return lambda receiver: receiver.total("opencode.token.usage") == messages * sum(USED)


def is_asked(of: str) -> Callable[[OtlpReceiver], bool]:
    return lambda receiver: any(each.signal == of for each in receiver.requests)


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_messages_are_counted_while_both_signals_hang(
    agent: Agent, receiver: OtlpReceiver, tree: JsonTree, protocol: str
) -> None:
    endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.endpoint
    tree.put_turn(message(session(), USED))
    receiver.behave(then=hang())
    over = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    with agent.process("run", **BRISK, **over) as run:
        receiver.wait_for(lambda r: is_asked("metrics")(r) and is_asked("traces")(r), 30)
        tree.put_turn(message(session(), USED, T0 + 60_000))
        run.wait_for_log("counted 1 new message")
        assert run.stop(timeout=30).returncode == 0
    assert "Traceback" not in run.log


@pytest.mark.parametrize(
    ("hanging", "arrives"), [("metrics", spans_of), ("traces", tokens_of)], ids=["metrics hang", "spans hang"]
)
def test_one_signal_that_hangs_does_not_hold_up_the_other(
    agent: Agent, receiver: OtlpReceiver, tree: JsonTree, hanging: Any, arrives: Any
) -> None:
    tree.put_turn(message(session(), USED))
    receiver.behave(then=hang(), signal=hanging)
    with agent.process("run", **BRISK) as run:
        receiver.wait_for(is_asked(hanging), 30)
        tree.put_turn(message(session(), USED, T0 + 60_000))
        receiver.wait_for(arrives(2), 30)
        run.stop(timeout=30)


def test_a_reload_does_not_wait_for_a_backend_that_hangs(agent: Agent, receiver: OtlpReceiver, tree: JsonTree) -> None:
    """What was under way is noted as sent without an answer; the agent with the new settings delivers it."""
    tree.put_turn(message(session(), USED))
    receiver.behave(then=hang())
    with agent.process("run", **BRISK) as run:
        receiver.wait_for(lambda r: is_asked("metrics")(r) and is_asked("traces")(r), 30)
        run.send(signal.SIGHUP)
        receiver.behave()
        run.wait_for_log("settings read again")
        receiver.wait_for(lambda r: spans_of(1)(r) and tokens_of(1)(r), 30)
        assert run.stop(timeout=30).returncode == 0
