"""Histograms: in which bucket a number is counted, and which durations are known."""

from __future__ import annotations

from typing import Any

import pytest

from otel_agent.model import EndedTurn, Generation, Message, Outcome, Overlap, Tokens, ToolCall
from otel_agent.otlp.spans import Tracer
from otel_agent.series.tally import Tally
from tests.otlp.made import EMITTER, MESSAGE, SESSION, TURN, change, made
from tests.series.tallied import metrics_of


@pytest.mark.parametrize("value", [0, 1, 2, 4, 5, 64, 65, 67_108_864, 67_108_865])
def test_a_bucket_holds_its_upper_bound(value: int) -> None:
    boundaries = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
    expected = sum(value > bound for bound in boundaries)
    batch = Tally(disjoint=False).add([change(made(tokens=Tokens(value, 1), overlap=Overlap()))])
    (buckets,) = (
        each.buckets
        for (metric, labels), each in batch.increases.items()
        if metric == "gen_ai.client.token.usage" and '"input"' in labels
    )
    assert buckets == {expected: 1}


@pytest.mark.parametrize(
    ("duration_ms", "bucket"), [(0, 0), (10, 0), (11, 1), (20, 1), (37_616, 12), (81_920, 13), (81_921, 14), (-5, 0)]
)
def test_a_duration_is_counted_in_its_bucket(duration_ms: int, bucket: int) -> None:
    message = made(completed_ms=MESSAGE.created_ms + duration_ms)
    increases = Tally(disjoint=False).add([change(message)]).increases
    for metric in ("gen_ai.client.inference.duration", "gen_ai.client.operation.duration"):
        (found,) = (each for (name, _), each in increases.items() if name == metric)
        assert found.value == max(duration_ms, 0)
        assert found.count == 1
        assert found.buckets == {bucket: 1}


@pytest.mark.parametrize(("days", "counts"), [(30, 1), (30.001, 0), (27_000, 0)])
def test_a_duration_of_more_than_a_month_is_a_clock_that_was_set(days: float, counts: int) -> None:
    message = made(completed_ms=MESSAGE.created_ms + round(days * 86_400_000))
    metric = "gen_ai.client.inference.duration"
    assert [number for _, number in histogram(message, metric)] == [1] * counts
    assert "opencode.message.count" in metrics_of(message)
    last = made(completed_ms=message.completed_ms, response_ms=message.completed_ms)
    turns = Tally(disjoint=False).add_turns([EndedTurn(last, subagent=False, started_ms=last.created_ms)]).increases
    assert sum(each.count for each in turns.values()) == counts


def histogram(message: Message, metric: str) -> list[tuple[int, int]]:
    """The sum in milliseconds and the number of observations of each series."""
    increases = Tally(disjoint=False).add([change(message)]).increases
    return [(found.value, found.count) for (name, _), found in increases.items() if name == metric]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [(37_616, 1)]),
        ({"response_ms": MESSAGE.created_ms + 2_900}, [(2_900, 1)]),
        ({"response_ms": MESSAGE.created_ms + 2_900, "completed_ms": None}, [(2_900, 1)]),
        ({"finish": "tool-calls"}, []),
        ({"finish": "tool-calls", "response_ms": MESSAGE.created_ms}, [(0, 1)]),
        ({"finish": "", "error_type": "MessageAbortedError"}, []),
        ({"finish": "", "error_type": "APIError"}, [(37_616, 1)]),
        ({"generation": Generation.V2}, []),
    ],
)
def test_a_duration_is_counted_if_the_end_of_the_answer_is_known(
    fields: dict[str, Any], expected: list[tuple[int, int]]
) -> None:
    message = made(**fields)
    for metric in ("gen_ai.client.inference.duration", "gen_ai.client.operation.duration"):
        assert histogram(message, metric) == expected
    (span,) = Tracer(EMITTER, titles=False).message_spans(message, SESSION, TURN, ())
    assert span.start_time is not None
    assert span.end_time is not None
    assert not expected or span.end_time - span.start_time == expected[0][0] * 10**6, "the span agrees"


def test_the_time_to_the_first_output_is_counted_if_it_is_known() -> None:
    metric = "gen_ai.client.inference.time_to_first_chunk"
    assert histogram(MESSAGE, metric) == []
    assert histogram(made(first_output_ms=MESSAGE.created_ms + 640), metric) == [(640, 1)]


def test_a_message_that_never_ended_has_no_duration() -> None:
    assert not any("duration" in name for name in metrics_of(made(completed_ms=None)))


def test_a_call_without_tokens_is_no_observation_of_tokens() -> None:
    assert "gen_ai.client.token.usage" not in metrics_of(made(tokens=Tokens(), overlap=Overlap()))


def test_a_tool_call_with_times_has_a_duration() -> None:
    """That of a call inside code mode is not recorded."""
    calls = [
        ToolCall("prt_1", "call_1", "bash", Outcome.OK, 1_000, 1_030),
        ToolCall("prt_2", "call_2", "bash", Outcome.OK, 5_000, 4_000),
        ToolCall("prt_3", "call_3", "bash", Outcome.ABORTED, 1_000, 91_000),
        ToolCall("prt_4", "call_4", "bash", Outcome.OK, 0, 0, has_span=False),
    ]
    counted = Tally(disjoint=False).add_calls((MESSAGE, call) for call in calls).increases
    bash = '"gen_ai.agent.name": "build", "gen_ai.tool.name": "bash", "gen_ai.tool.type": "function"'
    assert {
        labels: (each.value, each.count, each.buckets)
        for (name, labels), each in counted.items()
        if name == "gen_ai.execute_tool.duration"
    } == {
        f'{{{bash}, "opencode.project.name": "persona"}}': (30, 2, {2: 1, 0: 1}),
        f'{{"error.type": "aborted", {bash}, "opencode.project.name": "persona"}}': (90_000, 1, {14: 1}),
    }


def test_the_duration_of_a_turn_is_counted_if_its_end_is_known() -> None:
    def ended(started_ms: int, **fields: Any) -> EndedTurn:
        return EndedTurn(made(**{"completed_ms": 500_000} | fields), subagent=True, started_ms=started_ms)

    imported = {"generation": Generation.V2}
    known = [ended(499_900), ended(90_000), ended(499_000, **imported, response_ms=499_500)]
    unknown = [
        ended(1, completed_ms=None),
        ended(1, error_type="killed"),
        ended(1, **imported),
        ended(1, **imported, response_ms=499_500, finish="tool-calls"),
    ]
    ((key, found),) = Tally(disjoint=False).add_turns([*known, *unknown]).increases.items()
    persona = '"gen_ai.agent.name": "build", "opencode.agent.kind": "subagent", "opencode.project.name": "persona"'
    assert key == ("gen_ai.invoke_agent.duration", f"{{{persona}}}")
    assert (found.value, found.count, found.buckets) == (100 + 410_000 + 1_000, 3, {0: 1, 13: 1, 4: 1})
