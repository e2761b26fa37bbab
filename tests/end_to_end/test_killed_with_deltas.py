"""Increments of an agent that is killed again and again, towards a backend that loses answers.

The backend keeps whatever it says that it kept, and drops an increment that it has already: the same series, start and time.
Its sums are then exactly what was written.
"""

from __future__ import annotations

import random
import signal
from functools import partial

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import T0, JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver, accept, drop, hang, unavailable

USED = Tokens(700, 50, 20, 300, 9)
TOKENS = "opencode.token.usage"
DELTA = {
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
    "OTEL_AGENT_RESCAN_INTERVAL_SECONDS": "0.05",
    "OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS": "0.1",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "1000",
}
KILLS = 6


def sums(receiver: OtlpReceiver) -> tuple[float, int]:
    """Return what the backend adds up, and how many increments it had already."""
    known: dict[tuple[object, ...], float] = {}
    repeats = 0
    for point in receiver.points():
        if point.metric == TOKENS:
            key = (*sorted(point.attributes.items()), point.start_ns, point.time_ns)
            repeats += key in known
            assert known.get(key, point.value) == point.value, "the same increment with another value"
            known[key] = point.value or 0
    return sum(known.values()), repeats


def has_come(requests: int, receiver: OtlpReceiver) -> bool:
    return len(receiver.requests) >= requests


@pytest.mark.parametrize("seed", [1])
def test_a_backend_that_drops_repeats_has_exact_sums_of_an_agent_that_is_killed(
    agent: Agent, receiver: OtlpReceiver, tree: JsonTree, seed: int
) -> None:
    chance, written = random.Random(seed), 0
    agent.once(**DELTA)
    ways = [accept(), drop(), drop(accepted=False), hang(0.2, accepted=True), unavailable()]
    receiver.behave(*(chance.choice(ways) for _ in range(1_000)), then=accept(), signal="metrics")
    for _ in range(KILLS):
        with agent.process("run", **DELTA) as run:
            enough = len(receiver.requests) + chance.randrange(1, 6)
            for _ in range(chance.randrange(1, 4)):
                tree.put_turn(message(session(), USED, T0 + 60_000 * written, written))
                written += 1
            receiver.wait_for(partial(has_come, enough), 30)
            run.stop(signal.SIGKILL)
    receiver.behave(then=accept(), signal="metrics")
    with agent.process("run", **DELTA) as run:
        run.wait_for_log("counted ")  # everything may have come before, and a signal must not meet its start
        receiver.wait_for(lambda r: sums(r)[0] >= written * sum(USED), 60)
        assert run.stop().returncode == 0
    total, repeats = sums(receiver)
    assert total == written * sum(USED)
    assert repeats > 0, "no answer was lost: this shows nothing"
