"""Faults that another collector of telemetry had, tried on this agent: what its users lost, ours must not lose.

A drop that nothing counts, a size below zero, an acknowledgement of what was rejected, and a flush that a shutdown lost.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.simulator import ledger_view
from tests.simulator.machine import Event, machine
from tests.simulator.mutants import PROVOCATIONS
from tests.simulator.story import play
from tests.support.agent import Agent
from tests.support.exported import Exported
from tests.support.ledger_files import assert_exact, write_messages
from tests.support.otlp_receiver import (
    Behaviour,
    OtlpReceiver,
    accept,
    bad_request,
    garbage_body,
    partial,
    portal,
    redirect,
    unauthorized,
)

MESSAGES = 5


def test_a_drop_is_counted_and_said(agent: Agent, receiver: OtlpReceiver) -> None:
    """The backend leaves three spans out of a request that it accepts. Nobody would miss them otherwise."""
    write_messages(agent, MESSAGES)
    receiver.behave(partial(3, "three are too old"), signal="traces")
    run = agent.attempt()
    dropped = [point for point in receiver.observed() if point.metric == "otel_agent.export.rejected"]
    assert {point.attributes["otel_agent.signal"]: point.value for point in dropped} == {"traces": 3, "metrics": 0}
    assert "without 3 of its" in run.stderr
    assert "three are too old" in run.stderr


def test_a_drop_from_a_request_that_is_sent_again_is_counted() -> None:
    """The agent was killed before an answer came. The next one sends the same points, and one of them is left out."""
    ask, answers = Event("ask", ("v1", 1, 0)), ("metrics", "hangs, but has it")
    before = [Event("round"), ask, Event("round"), Event("answers", answers), ask, Event("round"), Event("kill")]
    played = play([*before, Event("wait", (600,)), Event("answers", ("metrics", "partial")), Event("round")])
    assert not played.wrong, str(played)


@pytest.mark.parametrize("number", range(len(PROVOCATIONS)))
def test_a_size_never_falls_below_zero_and_is_that_of_the_outbox(tmp_path: Path, number: int) -> None:
    """Whatever is sent twice, refused, left out or lost: the size that is published is what the ledger holds."""
    with machine(tmp_path) as made:
        for event in (*PROVOCATIONS[number], Event("restart"), Event("round")):
            before = len(made.backend.points)
            made.play(event)
            arrived = made.backend.points[before:]
            sizes = [point.value for point in arrived if point.metric == "otel_agent.outbox.size"]
            assert all(size is not None and size >= 0 for size in sizes)
        made.recover()
        made.settle()
        last = [point.value for point in made.backend.points if point.metric == "otel_agent.outbox.size"][-1]
        assert last == 0
        for quarantined in (False, True):
            assert ledger_view.waiting_spans(made.state, quarantined=quarantined) == set()


@pytest.mark.parametrize(
    "rejection",
    [bad_request(), unauthorized(), redirect(), portal(), garbage_body()],
    ids=lambda behaviour: behaviour.name,
)
def test_what_was_rejected_is_never_acknowledged(agent: Agent, receiver: OtlpReceiver, rejection: Behaviour) -> None:
    """An answer that is none, or a refusal, strikes nothing off: the next run sends all of it."""
    write_messages(agent, MESSAGES)
    receiver.behave(then=rejection)
    assert agent.attempt().returncode != 0
    assert receiver.chats() == []
    receiver.behave(then=accept())
    agent.once()
    assert_exact(receiver, MESSAGES)


def test_a_shutdown_loses_no_flush(agent: Agent, receiver: OtlpReceiver) -> None:
    """What was written just before the end is at the backend when the process has ended, whatever the interval is."""
    agent.once()
    before = len(receiver.requests)
    with agent.process("run", OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS="3600") as run:
        receiver.wait_for(lambda r: len(r.requests) > before, 60)
        write_messages(agent, MESSAGES)
        assert run.stop(signal.SIGTERM).returncode == 0
    assert Exported(receiver).holds(messages=MESSAGES, spans=MESSAGES)
