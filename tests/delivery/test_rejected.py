"""What a backend rejects holds up nothing else, is logged, and is not sent again and again."""

from __future__ import annotations

import json
from collections import Counter

from tests.delivery.filled import assert_all_arrived, fill
from tests.support.agent import Agent
from tests.support.made_stores import T0, JsonTree
from tests.support.otlp_receiver import (
    OtlpReceiver,
    accept,
    bad_request,
    partial,
)


def test_a_span_at_fault_does_not_hold_up_the_others(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    """Four spans are rejected, then halves, until the third is alone. It is tried again at the next start."""
    fill(tree, 4)
    receiver.behave(bad_request(), accept(), bad_request(), bad_request(), accept(), signal="traces")
    run = agent.attempt()
    assert run.returncode == 3
    assert run.stderr.count("the backend rejected 1 span, the first of message msg_") == 1
    assert "1 span pending" in run.stderr
    assert [span.start_ns // 10**6 for span in receiver.chats()] == [T0, T0 + 1000, T0 + 3000]
    for command in ("status", "doctor"):
        said = " ".join(agent.command(command).stdout.split())
        assert "1 pending span quarantined: the backend rejected each alone, and accepted others" in said
        assert "The next start of the agent sends them again." in said
    assert json.loads(agent.command("status", "--json").stdout)["spans_quarantined"] == 1
    agent.once()
    assert "quarantined" not in agent.command("status").stdout
    assert len(receiver.chats()) == 4
    assert_all_arrived(receiver, 4)


def test_points_that_are_rejected_together_are_sent_in_halves(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    """A backend may accept only smaller requests than ours."""
    fill(tree, 3)
    receiver.behave(bad_request(), signal="metrics")
    agent.once()
    assert [each.behaviour for each in receiver.requests if each.signal == "metrics"] == [
        "bad_request",
        "accept",
        "accept",
        "accept",
    ], "the last one holds what is observed"
    series = Counter((point.metric, frozenset(point.attributes.items())) for point in receiver.points())
    assert set(series.values()) == {1}
    assert_all_arrived(receiver, 3)


def test_a_point_at_fault_does_not_hold_up_the_others(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    """The whole request is rejected, its first half, and so on down to the first point: all others arrive."""
    fill(tree, 3)
    agent.once(OTEL_TRACES_EXPORTER="none")
    everything = len(receiver.points())
    halvings = len(bin(everything - 1)) - 2
    receiver.behave(*[bad_request()] * (halvings + 1), signal="metrics")
    run = agent.attempt()
    assert run.returncode == 3
    assert "not delivered: HTTP 400 Bad Request" in run.stderr
    assert 0 < 2 * everything - len(receiver.points()) <= 2


def test_a_backend_that_rejects_everything_is_not_flooded(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    fill(tree, 400)
    receiver.behave(then=bad_request())
    assert agent.attempt().returncode == 3
    per_signal = Counter(each.signal for each in receiver.requests)
    assert max(per_signal.values()) < 80
    receiver.behave()
    agent.once()
    assert_all_arrived(receiver, 400)


def test_rejected_items_of_a_partial_success_are_logged_and_not_sent_again(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    fill(tree, 3)
    receiver.behave(partial(2, "too old"), signal="traces")
    receiver.behave(partial(1, "bad name"), signal="metrics")
    run = agent.once()
    assert "the backend accepted a request without 2 of its 4 spans: too old" in run.stderr
    assert "data points: bad name" in run.stderr
    assert "delivered 2 spans" in run.stderr
    assert "0 spans pending" in run.stderr
    agent.once()
    assert [each.signal for each in receiver.requests] == ["traces", *["metrics"] * 4]


def test_a_backend_cannot_reject_more_than_was_sent(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    fill(tree, 3)
    receiver.behave(partial(99), signal="traces")
    assert "without 4 of its 4 spans: no reason given" in agent.attempt().stderr
