"""A span for each model call, with ids that come from OpenCode's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.model import Message, Overlap, Session, Tokens
from otel_agent.signals.spans import chat_span, span_id, trace_id
from tests.otlp_receiver.rows import SpanRow, span_rows
from tests.signals.made import MESSAGE, RESOURCE, SCOPE, SESSION, made


def built(message: Message = MESSAGE, session: Session = SESSION, *, titles: bool = False) -> ReadableSpan:
    return chat_span(message, session, resource=RESOURCE, scope=SCOPE, titles=titles)


def row(message: Message = MESSAGE, session: Session = SESSION, *, titles: bool = False) -> SpanRow:
    """As a backend reads it."""
    (found,) = span_rows(encode_spans([built(message, session, titles=titles)]))
    return found


def test_all_of_it() -> None:
    assert row() == SpanRow(
        trace_id="03ca336a43614d829833e42e202cba39",
        span_id="bd822b6c85c4b669",
        parent_span_id="",
        name="chat glm-4.7",
        kind="CLIENT",
        start_ns=1_769_174_692_533_000_000,
        end_ns=1_769_174_730_149_000_000,
        attributes={
            "gen_ai.provider.name": "zai-coding-plan",
            "gen_ai.request.model": "glm-4.7",
            "gen_ai.agent.name": "build",
            "opencode.project.name": "persona",
            "opencode.agent.kind": "primary",
            "gen_ai.operation.name": "chat",
            "gen_ai.conversation.id": MESSAGE.session_id,
            "session.id": MESSAGE.session_id,
            "opencode.message.id": MESSAGE.id,
            "opencode.message.outcome": "ok",
            "opencode.cost.usd": 0.012345678,
            "gen_ai.usage.input_tokens": 1007,
            "gen_ai.usage.output_tokens": 50,
            "gen_ai.usage.reasoning.output_tokens": 20,
            "gen_ai.usage.cache_read.input_tokens": 300,
            "gen_ai.usage.cache_creation.input_tokens": 7,
            "opencode.token.input": 700,
            "opencode.token.output": 50,
            "opencode.token.reasoning": 20,
            "opencode.token.cache_read": 300,
            "opencode.token.cache_write": 7,
            "opencode.project.directory": "/srv/projects/persona",
            "gen_ai.response.finish_reasons": ("stop",),
        },
        status_code="UNSET",
        status_message="",
        resource={"service.name": "made"},
        scope_name="made",
        scope_version="1",
    )


def test_types_do_not_change_with_the_values() -> None:
    """Tokens integers, cost a float, even where it is a whole dollar or none."""
    for cost_nusd in (0, 10**9):
        attributes = row(made(cost_nusd=cost_nusd, tokens=Tokens(), overlap=Overlap())).attributes
        assert type(attributes["opencode.cost.usd"]) is float
        assert {type(value) for key, value in attributes.items() if "token" in key} == {int}


@given(st.text(min_size=1), st.text(min_size=1))
def test_ids_are_valid_and_told_apart(one: str, other: str) -> None:
    for name in (one, other):
        assert 0 < span_id(name) < 2**64
        assert 0 < trace_id(made(turn_id=name)) < 2**128
        assert span_id(name) == span_id(name)
    assert (span_id(one) == span_id(other)) == (one == other)
    assert (trace_id(made(turn_id=one)) == trace_id(made(turn_id=other))) == (one == other)


def test_a_turn_is_a_trace_and_a_message_a_span() -> None:
    first, second, later = row(), row(made(id="msg_2")), row(made(id="msg_3", turn_id="msg_next"))
    assert first.trace_id == second.trace_id != later.trace_id
    assert len({first.span_id, second.span_id, later.span_id}) == 3
    assert row(made(tokens=Tokens(1), finish="length")).span_id == first.span_id, "a correction is the same span"


def test_a_message_that_names_no_turn_is_one_of_its_own() -> None:
    assert row(made(turn_id="")).trace_id == row(made(id="msg_2", turn_id=MESSAGE.id)).trace_id
    assert row(made(turn_id="")).trace_id != row(made(id="msg_2", turn_id="")).trace_id


@pytest.mark.parametrize(
    ("error_type", "outcome"), [("APIError", "error"), ("_OTHER", "error"), ("MessageAbortedError", "aborted")]
)
def test_errors(error_type: str, outcome: str) -> None:
    """The type, and nothing that quotes what was said."""
    found = row(made(error_type=error_type, finish=""))
    assert (found.status_code, found.status_message) == ("ERROR", "")
    assert (found.attributes["error.type"], found.attributes["opencode.message.outcome"]) == (error_type, outcome)
    assert "gen_ai.response.finish_reasons" not in found.attributes


def test_one_that_never_ended_ends_when_it_began() -> None:
    found = row(made(completed_ms=None))
    assert found.start_ns == found.end_ns == MESSAGE.created_ms * 10**6


def test_time_does_not_run_backwards() -> None:
    found = row(made(completed_ms=MESSAGE.created_ms - 5_000))
    assert found.start_ns == found.end_ns == MESSAGE.created_ms * 10**6


@pytest.mark.parametrize(
    ("fields", "absent"),
    [
        ({"finish": ""}, "gen_ai.response.finish_reasons"),
        ({"error_type": ""}, "error.type"),
        ({"provider": ""}, "gen_ai.provider.name"),
        ({"model": ""}, "gen_ai.request.model"),
        ({"agent": ""}, "gen_ai.agent.name"),
        ({"worktree": "", "directory": ""}, "opencode.project.name"),
        ({"worktree": "", "directory": ""}, "opencode.project.directory"),
        ({"compaction": False}, "opencode.message.compaction"),
        ({}, "opencode.session.parent.id"),
        ({}, "opencode.session.title"),
    ],
)
def test_what_is_not_known_is_left_out(fields: dict[str, Any], absent: str) -> None:
    assert absent not in row(made(**fields)).attributes


def test_a_call_to_no_named_model() -> None:
    assert row(made(model="")).name == "chat"


def test_a_sub_agent() -> None:
    attributes = row(session=Session(MESSAGE.session_id, parent_id="ses_parent")).attributes
    assert (attributes["opencode.session.parent.id"], attributes["opencode.agent.kind"]) == ("ses_parent", "subagent")


def test_a_compaction() -> None:
    assert row(made(compaction=True)).attributes["opencode.message.compaction"] is True


def test_titles_quote_prompts() -> None:
    assert "opencode.session.title" not in row().attributes
    assert row(titles=True).attributes["opencode.session.title"] == "Rename the parser"
    assert "opencode.session.title" not in row(session=Session(MESSAGE.session_id), titles=True).attributes
    with_title, without = row(titles=True), row()
    others = {key: value for key, value in with_title.attributes.items() if key != "opencode.session.title"}
    assert replace(with_title, attributes=others) == without


def test_the_home_is_shortened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    attributes = row(made(worktree=str(tmp_path / "secret" / "persona"))).attributes
    assert attributes["opencode.project.directory"] == "~/secret/persona"
    assert attributes["opencode.project.name"] == "persona"
    assert str(tmp_path) not in str(attributes)
