"""What must stay the same when the agent starts again, and what must not when the ledger is another."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest

from otel_agent import __version__
from tests.support.agent import Agent
from tests.support.made_stores import T0, JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver, PointRow
from tests.support.otlp_receiver.receiver import Series


def run(agent: Agent, receiver: OtlpReceiver, **settings: str) -> dict[Series, PointRow]:
    """The last point of each series in one run."""
    return {series: points[-1] for series, points in exported(agent, receiver, **settings).items()}


def exported(agent: Agent, receiver: OtlpReceiver, **settings: str) -> dict[Series, list[PointRow]]:
    """All points of each series in one run."""
    before = len(receiver.points())
    agent.once(**settings)
    series: dict[Series, list[PointRow]] = {}
    for point in receiver.points()[before:]:
        series.setdefault((point.metric, frozenset(point.attributes.items())), []).append(point)
    return series


def test_sums_keep_their_start_time_across_restarts(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    tree.put_turn(message(session(), Tokens(10, 5), cost=1))
    first = run(agent, receiver)
    tree.put_turn(message(session(), Tokens(10, 5), T0 + 50_000, cost=1))
    second = run(agent, receiver)
    third = run(agent, receiver)
    assert first.keys() == second.keys() == third.keys()
    for series, point in first.items():
        later, last = second[series], third[series]
        assert point.start_ns == later.start_ns == last.start_ns
        assert point.start_ns < point.time_ns < later.time_ns < last.time_ns
        assert last.value == later.value
        assert last.count == later.count
        assert last.sum == later.sum
        if point.value is not None and later.value is not None:
            assert later.value in (point.value, 2 * point.value)
    assert receiver.total("opencode.cost.usage") == 2.0
    assert receiver.total("opencode.session.count") == 1


def test_a_new_series_begins_at_zero_one_interval_before_its_first_value(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    """Not so a series of the history. One single run sends both points, a minute apart."""
    tree.put_turn(message(session(), Tokens(10)))
    first = exported(agent, receiver)
    assert {len(points) for points in first.values()} == {1}
    tree.put_turn(message(session(), Tokens(10), T0 + 50_000, model="other"))
    began_ns = time.time_ns()
    second = exported(agent, receiver)
    new = {series: points for series, points in second.items() if series not in first}
    assert new
    never = {series for series, points in new.items() if not (points[-1].value or points[-1].count)}
    assert {len(new.pop(series)) for series in never} == {1}, "a series that is still zero has one point"
    for zero, value in new.values():
        assert (zero.value or zero.count or 0) == 0
        assert zero.start_ns == value.start_ns < zero.time_ns
        assert 0 <= began_ns + 60 * 10**9 - value.start_ns <= 120 * 10**9
        assert abs(value.time_ns - zero.time_ns - 60 * 10**9) < 10**9
    for series in first:
        assert {point.start_ns for point in (*first[series], *second[series])} == {first[series][0].start_ns}


def test_the_instance_id_belongs_to_the_ledger(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    tree.put_turn(message(session(), Tokens(10)))

    def instance(**settings: str) -> uuid.UUID:
        (only,) = {point.resource["service.instance.id"] for point in run(agent, receiver, **settings).values()}
        return uuid.UUID(str(only))

    first = instance()
    assert first.version == 5
    assert instance() == first
    assert instance(OTEL_AGENT_STATE_DIR=str(tmp_path / "other")) != first


def test_spans_and_points_have_one_resource_that_standard_variables_can_change(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    """The same for spans and points; what the standard variables say is added, and wins."""
    tree.put_turn(message(session(), Tokens(10)))
    agent.once()
    resources = [point.resource for point in receiver.points()] + [span.resource for span in receiver.chats()]
    (resource,) = {frozenset(each.items()) for each in resources}
    plain = dict(resource)
    assert set(plain) - {"host.id"} == {
        "service.name",
        "service.version",
        "service.instance.id",
        "host.name",
        "os.type",
    }
    assert plain["service.name"] == "otel-agent"
    assert plain["service.version"] == __version__

    attributes = "team=blue,department=r%26d,service.name=theirs,host.name=laptop,service.version=9"
    point = next(iter(run(agent, receiver, OTEL_RESOURCE_ATTRIBUTES=attributes).values()))
    assert point.resource == plain | {
        "team": "blue",
        "department": "r&d",
        "service.name": "theirs",
        "host.name": "laptop",
        "service.version": "9",
    }
    point = next(iter(run(agent, receiver, OTEL_RESOURCE_ATTRIBUTES=attributes, OTEL_SERVICE_NAME="named").values()))
    assert point.resource["service.name"] == "named"


@pytest.mark.parametrize("value", ["team", "=,=", "a=b=c,%zz=1", "team=%FF"])
def test_malformed_resource_attributes_do_no_further_harm(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver, value: str
) -> None:
    tree.put_turn(message(session(), Tokens(10)))
    agent.once(OTEL_RESOURCE_ATTRIBUTES=value)
    assert receiver.total("opencode.token.usage") == 10
    assert {point.resource["service.name"] for point in receiver.points()} == {"otel-agent"}
