"""What is used between the first start with a backend and the first accepted export is an increase, and no history."""

from __future__ import annotations

import pytest

from tests.agent.resident import USED
from tests.support.agent import Agent
from tests.support.made_stores import T0, JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver, accept, unauthorized
from tests.verify.verified import Verified

DELTA = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}
MESSAGES = "opencode.message.count"


def put(tree: JsonTree, number: int) -> None:
    tree.put_turn(message(session(), USED, T0 + number * 60_000, counter=number + 1))


def values(receiver: OtlpReceiver) -> list[float | None]:
    """The points of the messages, in the order of their times."""
    found = sorted((each.time_ns, each.value) for each in receiver.points() if each.metric == MESSAGES)
    return [value for _, value in found]


@pytest.mark.parametrize("first", ["away", "none", "summary"])
def test_history_is_a_baseline_for_what_comes_before_the_first_accepted_export(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver, first: str
) -> None:
    put(tree, 0)
    put(tree, 1)
    if first == "summary":
        agent.command("summary")
    else:
        receiver.behave(then=unauthorized())
        agent.attempt(**({"OTEL_AGENT_EXPORTER": "none"} if first == "none" else {}))
    receiver.behave(then=accept())
    put(tree, 2)
    agent.once()
    assert values(receiver) == [2, 3], "the history, and then what came after it"


def test_what_summaries_counted_for_months_is_no_rise_of_the_day_on_which_a_backend_is_chosen(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    """A series that began meanwhile is history too."""
    put(tree, 0)
    agent.command("summary")
    put(tree, 1)
    tree.put_turn(message(session(), USED, T0 + 90_000, counter=9, model="another"))
    agent.command("summary")
    agent.once()
    assert sorted(filter(None, values(receiver))) == [1, 2], "not from zero on"
    assert 0 not in values(receiver)
    put(tree, 2)
    agent.once()
    assert set(values(receiver)) == {1, 2, 3}


def test_history_alone_is_one_point_and_proved(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    put(tree, 0)
    put(tree, 1)
    receiver.behave(then=unauthorized())
    agent.attempt()
    assert Verified(agent).accepted == Tokens()
    receiver.behave(then=accept())
    agent.once()
    agent.once(OTEL_AGENT_HEARTBEAT_HOURS="0.000001")
    assert values(receiver) == [2], "once, and no heartbeat a day later"


def test_increments_begin_after_the_history(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    put(tree, 0)
    receiver.behave(then=unauthorized())
    agent.attempt(**DELTA)
    receiver.behave(then=accept())
    put(tree, 1)
    put(tree, 2)
    agent.once(**DELTA)
    assert values(receiver) == [2]
    put(tree, 3)
    agent.once(**DELTA)
    assert values(receiver) == [2, 1]
    assert "pending" not in Verified(agent, **DELTA).explained(), "history needs no increment"
