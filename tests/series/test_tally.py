"""What one message adds to which series, and that no correction ever takes anything back."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from otel_agent.model import Change, Message, Outcome, Overlap, Tokens, ToolCall, without_overlap
from otel_agent.otlp.spans import Tracer
from otel_agent.series import tally
from otel_agent.series.attributes import from_json
from otel_agent.series.tally import Increases, Tally
from tests.otlp.made import EMITTER, MESSAGE, SESSION, TURN, change, made
from tests.series.tallied import metrics_of, tallied, totals

GENAI = "gen_ai.client.inference.usage."
NUMBER = st.integers(0, 10**12)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any five numbers, with any overlap that they can have."""
    tokens = Tokens(*(draw(NUMBER) for _ in range(5)))
    cached = draw(st.sampled_from([0, tokens.cache_read])) if tokens.cache_read <= tokens.input else 0
    reasoning = draw(st.sampled_from([0, min(tokens.reasoning, tokens.output)]))
    cost = draw(st.integers(0, 10**15))
    return made(tokens=tokens, overlap=Overlap(cached, reasoning), cost_nusd=cost)


def by_type(found: Counter[str]) -> Tokens:
    types = ("input", "output", "reasoning", "cache_read", "cache_write")
    return Tokens(*(found[f"opencode.token.usage#{type_}"] for type_ in types))


@given(messages())
def test_all_metrics_and_the_span_of_a_message_agree(message: Message) -> None:
    """Tokens are recorded as they are. Input and output of the conventions are together what was billed, each token
    once. The parts are never more than what holds them. Span and counters say the same."""
    found = tallied([change(message)])
    disjoint = without_overlap(message.tokens, message.overlap)
    (built,) = Tracer(EMITTER, titles=False).message_spans(message, SESSION, TURN, ())
    span = built.attributes or {}

    assert by_type(found) == message.tokens
    assert found["opencode.token.usage"] == message.tokens.total
    assert by_type(tallied([change(message)], disjoint=True)) == disjoint
    assert found[f"{GENAI}input_tokens"] + found[f"{GENAI}output_tokens"] == disjoint.total
    assert found[f"{GENAI}reasoning.output_tokens"] <= found[f"{GENAI}output_tokens"]
    cached = found[f"{GENAI}cache_read.input_tokens"] + found[f"{GENAI}cache_write.input_tokens"]
    assert cached <= found[f"{GENAI}input_tokens"]
    assert found["gen_ai.client.token.usage"] == disjoint.total

    assert [
        span[f"opencode.token.{type_}"] for type_ in ("input", "output", "reasoning", "cache_read", "cache_write")
    ] == [*message.tokens.by_category()]
    for kind in ("input_tokens", "output_tokens", "cache_read.input_tokens", "reasoning.output_tokens"):
        assert span[f"gen_ai.usage.{kind}"] == found[f"{GENAI}{kind}"]
    assert span["gen_ai.usage.cache_write.input_tokens"] == found[f"{GENAI}cache_write.input_tokens"]
    assert span["opencode.cost.usd"] == found["opencode.cost.usage"] / 10**9
    assert all(value >= 0 for value in found.values())


def corrected(versions: list[Message]) -> list[Change]:
    """What the ledger makes of a message that is read again and again: in nothing less than before."""
    known, changes = versions[0], [change(versions[0])]
    for version in versions[1:]:
        now = made(
            tokens=known.tokens.at_least(version.tokens),
            overlap=known.overlap.at_least(version.overlap),
            cost_nusd=max(known.cost_nusd, version.cost_nusd),
        )
        changes.append(
            change(
                now,
                tokens=now.tokens.minus(known.tokens),
                overlap=now.overlap.minus(known.overlap),
                cost_nusd=now.cost_nusd - known.cost_nusd,
                first=False,
                opens_session=False,
            )
        )
        known = now
    return changes


@given(st.lists(messages(), min_size=1, max_size=5), st.booleans())
def test_corrections_never_lower_a_series(versions: list[Message], disjoint: bool) -> None:
    """Not even if only the overlap was corrected. As recorded, they end at the last numbers exactly."""
    changes = corrected(versions)
    for each in changes:
        for increase in Tally(disjoint=disjoint).add([each]).increases.values():
            assert increase.value >= 0
            assert all(count >= 0 for count in increase.buckets.values())
    assert by_type(tallied(changes)) == changes[-1].message.tokens
    assert tallied(changes)["opencode.message.count"] == 1
    assert tallied(changes)["opencode.session.count"] == 1


def test_an_overlap_that_is_seen_late_takes_no_published_token_back() -> None:
    first, again = made(tokens=Tokens(0, 50), overlap=Overlap()), made(tokens=Tokens(0, 50, 20), overlap=Overlap(0, 20))
    found = tallied(corrected([first, again]), disjoint=True)
    assert by_type(found) == Tokens(0, 50, 20), "what was published as output stays published"
    assert found[f"{GENAI}output_tokens"] == 50


def test_a_call_that_got_its_tokens_later_is_counted_in_the_histogram_then() -> None:
    """Completed with nothing, and with tokens when read again: the histogram counts it then, in its bucket."""
    versions = [made(tokens=Tokens(), overlap=Overlap()), made(tokens=Tokens(700, 50), overlap=Overlap())]
    batch = Tally(disjoint=False).add(corrected(versions))
    found = [each for (metric, _), each in batch.increases.items() if metric == "gen_ai.client.token.usage"]
    assert [(each.value, each.count, sum(each.buckets.values())) for each in found] == [(700, 1, 1), (50, 1, 1)]


def test_a_message_that_asked_no_model_is_no_model_call() -> None:
    """``!shell`` and subtasks: messages, but nothing of the conventions' metrics."""
    assert not any(name.startswith("gen_ai.") for name in metrics_of(made(calls_model=False)))
    assert "opencode.message.count" in metrics_of(made(calls_model=False))


def test_two_messages_of_one_series_add_up() -> None:
    found = tallied([change(), change(made(id="msg_2"), opens_session=False)])
    assert by_type(found) == MESSAGE.tokens.plus(MESSAGE.tokens)
    assert found["opencode.message.count"] == 2
    assert found["opencode.session.count"] == 1
    assert found["opencode.cost.usage"] == 2 * MESSAGE.cost_nusd


def test_each_attribute_makes_a_series_of_its_own() -> None:
    others = [
        made(provider="openai"),
        made(model="other"),
        made(agent="plan"),
        made(worktree="/srv/other"),
        made(error_type="APIError"),
        made(error_type="MessageAbortedError"),
    ]
    batch = Tally(disjoint=False).add([change(each) for each in (MESSAGE, *others)]).add([change(subagent=True)])
    counts = {labels: each.value for (name, labels), each in batch.increases.items() if name.endswith(".count")}
    messages = [labels for name, labels in batch.increases if name == "opencode.message.count"]
    assert len(messages) == 8
    assert {counts[labels] for labels in messages} == {1}
    outcomes = Counter(from_json(each)["opencode.message.outcome"] for each in messages)
    assert outcomes == {"ok": 6, "error": 1, "aborted": 1}


def test_sessions_have_series_of_their_own() -> None:
    batch = Tally(disjoint=False).add_sessions([change(), change(made(session_id="ses_2"))])
    by_session = Counter(
        from_json(labels)["session.id"] for metric, labels in batch.increases if metric == "opencode.session.cost.usage"
    )
    assert by_session == {MESSAGE.session_id: 1, "ses_2": 1}
    assert totals(batch.increases)["opencode.session.token.usage"] == 2 * MESSAGE.tokens.total
    once = Tally(disjoint=True).add_sessions([change()])
    # Of the 50 tokens of output, 20 are reasoning too.
    assert totals(once.increases)["opencode.session.token.usage"] == MESSAGE.tokens.total - 20


def written_out(increases: Increases) -> dict[str, tuple[int, int, dict[int, int]]]:
    """Metric and what tells its series apart: value, number of observations, buckets."""
    shared = {"gen_ai.provider.name", "gen_ai.request.model", "gen_ai.agent.name", "opencode.project.name"}
    shared |= {"opencode.agent.kind", "gen_ai.operation.name", "gen_ai.token.modality"}
    return {
        " ".join([metric, *(str(value) for key, value in sorted(from_json(labels).items()) if key not in shared)]): (
            each.value,
            each.count,
            each.buckets,
        )
        for (metric, labels), each in increases.items()
    }


def test_a_batch_adds_each_number_to_its_series_once() -> None:
    """Two messages, the second in another folder of the project, and a correction of the first. One token of output
    turns out to be reasoning too, so the second number of output is negative, and counts as zero."""
    first = made(tokens=Tokens(700, 50, 20, 300, 7), overlap=Overlap(0, 20), response_ms=MESSAGE.created_ms + 100)
    second = made(
        id="msg_2",
        directory="/elsewhere/persona",
        worktree="/elsewhere/persona",
        tokens=Tokens(5, 4, 0, 0, 0),
        overlap=Overlap(),
        cost_nusd=1,
        response_ms=MESSAGE.created_ms + 90,
        first_output_ms=MESSAGE.created_ms + 30,
    )
    again = replace(first, tokens=Tokens(701, 50, 20, 300, 7), overlap=Overlap(0, 21), cost_nusd=MESSAGE.cost_nusd + 2)
    correction = change(again, tokens=Tokens(1), overlap=Overlap(0, 1), cost_nusd=2, first=False, opens_session=False)
    changes = [change(first), change(second, opens_session=False), correction]
    assert written_out(Tally(disjoint=True).add(changes).increases) == {
        "opencode.token.usage input message": (706, 0, {}),
        "opencode.token.usage output message": (34, 0, {}),
        "opencode.token.usage reasoning message": (20, 0, {}),
        "opencode.token.usage cache_read message": (300, 0, {}),
        "opencode.token.usage cache_write message": (7, 0, {}),
        "opencode.cost.usage message": (12_345_681, 0, {}),
        "opencode.message.count ok": (2, 0, {}),
        "otel_agent.message.ingested v1": (2, 0, {}),
        "opencode.session.count": (1, 0, {}),
        "gen_ai.client.inference.usage.input_tokens": (1_013, 0, {}),
        "gen_ai.client.inference.usage.output_tokens": (54, 0, {}),
        "gen_ai.client.inference.usage.cache_read.input_tokens": (300, 0, {}),
        "gen_ai.client.inference.usage.cache_write.input_tokens": (7, 0, {}),
        "gen_ai.client.inference.usage.reasoning.output_tokens": (20, 0, {}),
        "gen_ai.client.token.usage input": (1_013, 2, {2: 1, 5: 1}),
        "gen_ai.client.token.usage output": (54, 2, {1: 1, 3: 1}),
        "gen_ai.client.inference.duration": (190, 2, {4: 2}),
        "gen_ai.client.operation.duration": (190, 2, {4: 2}),
        "gen_ai.client.inference.time_to_first_chunk": (30, 1, {2: 1}),
    }


def test_a_history_in_parts_adds_up_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "_AT_ONCE", 2)
    changes = [change(made(id=f"msg_{number}"), opens_session=number == 0) for number in range(5)]
    found = tallied(iter(changes))
    assert found["opencode.message.count"] == 5
    assert found["opencode.cost.usage"] == 5 * 12_345_678
    by_session = totals(Tally(disjoint=False).add_sessions(iter(changes)).increases)
    assert by_session["opencode.session.token.usage"] == 5 * 1_077


def test_tool_calls_are_counted_by_tool_outcome_and_project() -> None:
    def call(tool: str, outcome: Outcome = Outcome.OK) -> ToolCall:
        return ToolCall("prt_1", "call_1", tool, outcome, 1, 2)

    elsewhere = made(worktree="/elsewhere/persona")
    calls = [(MESSAGE, call("bash")), (elsewhere, call("bash")), (MESSAGE, call("bash", Outcome.ERROR))]
    counted = Tally(disjoint=False).add_calls([*calls, (made(worktree="/srv/b"), call("edit"))]).increases
    assert {labels: each.value for (name, labels), each in counted.items() if name == "opencode.tool.call.count"} == {
        '{"gen_ai.tool.name": "bash", "opencode.project.name": "persona", "opencode.tool.outcome": "ok"}': 2,
        '{"gen_ai.tool.name": "bash", "opencode.project.name": "persona", "opencode.tool.outcome": "error"}': 1,
        '{"gen_ai.tool.name": "edit", "opencode.project.name": "b", "opencode.tool.outcome": "ok"}': 1,
    }


def test_problems_are_counted_by_their_kind() -> None:
    batch = Tally(disjoint=False).add_problems(["malformed", "locked", "malformed"])
    assert {key[1]: each.value for key, each in batch.increases.items()} == {
        '{"otel_agent.problem.kind": "malformed"}': 2,
        '{"otel_agent.problem.kind": "locked"}': 1,
    }
