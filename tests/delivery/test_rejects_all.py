"""A backend that answers with success and rejects everything is not healthy, and each command says so with numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otel_agent.export.outcomes import Outcomes
from otel_agent.ledger.writer import Ledger
from otel_agent.model import SendResult
from tests.delivery.filled import fill
from tests.support.agent import Agent
from tests.support.made_stores import JsonTree
from tests.support.otlp_receiver import OtlpReceiver, accept, partial
from tests.support.records import START_NS

HOUR_NS = 3_600 * 10**9


def deliveries(agent: Agent) -> dict[str, dict[str, Any]]:
    return {each["signal"]: each for each in json.loads(agent.command("status", "--json").stdout)["deliveries"]}


def test_each_command_says_that_everything_is_rejected(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    fill(tree, 3)
    receiver.behave(then=partial(99_999, "out of bounds"))
    run = agent.attempt()
    assert run.returncode == 3
    points = len(receiver.points()) + len(receiver.observed())
    assert f"delivered 0 spans and 0 data points; the backend rejected 4 spans and {points} data points" in run.stderr
    found = deliveries(agent)
    assert (found["traces"]["rejected"], found["metrics"]["rejected"]) == (4, points)
    assert all(each["failing_ms"] and "out of bounds" in each["reason"] for each in found.values())
    said = " ".join(agent.command("status").stdout.split())
    assert f"The backend left {points} data points out of requests that it accepted" in said
    doctor = agent.command("doctor")
    assert doctor.returncode == 1
    assert "The backend left 4 spans out of requests" in " ".join(doctor.stdout.split())
    verified = agent.command("verify").stdout
    assert "accepted by the backend" not in verified
    assert f"The backend left {points} data points out of requests" in verified


def test_a_backend_that_accepts_again_is_healthy_and_the_numbers_stay(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    fill(tree, 3)
    receiver.behave(then=partial(99_999, "out of bounds"))
    agent.attempt()
    number = deliveries(agent)["metrics"]["rejected"]
    receiver.behave(then=accept())
    fill(tree, 4)
    agent.once()
    found = deliveries(agent)
    assert {each["failing_ms"] for each in found.values()} == {None}
    assert found["metrics"]["rejected"] == number
    assert "accepted by the backend, but for what it rejected" in agent.command("verify").stdout


def test_one_reason_is_a_line_of_the_log_once_an_hour(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    now_ns = START_NS
    outcomes = Outcomes(ledger, lambda: now_ns)

    def reject(reason: str, signal: Any = "metrics") -> int:
        caplog.clear()
        outcomes.summarize(signal, SendResult(accepted=True, rejected=1, reason=reason), 3)
        return len(caplog.messages)

    assert [reject("too old"), reject("too old"), reject("bad name"), reject("too old", "traces")] == [1, 0, 1, 1]
    now_ns += HOUR_NS
    assert [reject("too old"), reject("too old")] == [1, 0]
