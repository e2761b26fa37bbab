"""Rules by which one record becomes a message, each where it turns."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from otel_agent.model import KILLED, Generation, Message, Overlap, ProblemKind, Session, Tokens
from otel_agent.opencode import decode

RECORD: dict[str, Any] = {
    "role": "assistant",
    "time": {"created": 1_769_174_692_533, "completed": 1_769_174_700_000},
    "providerID": "openai",
    "modelID": "gpt-5",
    "tokens": {"input": 100, "output": 10, "reasoning": 0, "cache": {"read": 60, "write": 0}},
}


def decoded(session: Session | None = None, **fields: Any) -> decode.Decoded:
    """Return what a record with these fields becomes, and what is wrong with it."""
    return decode.assistant(
        decode.parse(msgspec.json.encode(RECORD | fields)),
        place="a file",
        generation=Generation.TREE,
        message_id="msg_1",
        session_id="ses_1",
        session=session,
    )


def read(session: Session | None = None, **fields: Any) -> Message:
    """Return the message that a record with these fields becomes."""
    found = decoded(session, **fields)
    assert found.message is not None
    assert found.message.tokens == Tokens(100, 10, 0, 60, 0)
    return found.message


@pytest.mark.parametrize(
    ("version", "overlap"),
    [("1.0.60", 60), ("1.0.61", 60), ("1.0.62", 0), ("1.0.100", 0), ("1.1.0", 0), ("", 60), ("dev", 60)],
)
def test_input_contains_cached_tokens_up_to_release_1_0_61(version: str, overlap: int) -> None:
    assert read(Session("ses_1", version=version)).overlap == Overlap(overlap, 0)


@pytest.mark.parametrize(
    ("provider", "overlap"), [("openai", 60), ("anthropic", 0), ("anthropic-eu", 0), ("amazon-bedrock", 0)]
)
def test_the_providers_of_anthropic_always_recorded_them_apart(provider: str, overlap: int) -> None:
    """A person can give a provider a name of its own, such as that of a region."""
    assert read(Session("ses_1", version="1.0.61"), providerID=provider).overlap == Overlap(overlap, 0)


def test_a_session_says_where_a_message_outside_any_project_was_written() -> None:
    """The message's own folder is the one in which its tools ran last."""
    session = Session("ses_1", directory="/home/dev/notes")
    found = read(session, path={"root": "/", "cwd": "/home/dev/notes/deep"})
    assert found.directory == "/home/dev/notes"
    assert found.project_directory == "/home/dev/notes"
    assert read(None, path={"root": "/", "cwd": "/home/dev/notes/deep"}).directory == "/home/dev/notes/deep"


def test_a_message_that_does_not_say_when_it_began_began_when_it_ended() -> None:
    found = read(time={"completed": 1_769_174_700_000})
    assert (found.created_ms, found.completed_ms) == (1_769_174_700_000, 1_769_174_700_000)


@pytest.mark.parametrize("completed", [-1, "yesterday", {}, 10**18, True])
def test_an_impossible_completion_is_a_problem_and_none_is_not(completed: object) -> None:
    """A message in flight has no such time, which is in order."""
    found = decoded(time={"created": 1_769_174_692_533, "completed": completed})
    assert found.message is not None
    assert found.message.completed_ms is None
    assert [(each.kind, each.detail) for each in found.problems] == [(ProblemKind.BAD_TIME, "time.completed")]
    assert list(decoded(time={"created": 1_769_174_692_533}).problems) == []


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"tokens": None}, KILLED),
        ({}, ""),
        ({"tokens": None, "finish": "stop"}, ""),
        ({"tokens": None, "error": {"type": "APIError"}}, "APIError"),
        ({"tokens": None, "time": {"created": 1_769_174_692_533}}, ""),
    ],
)
def test_a_call_of_2_x_that_ended_without_a_word_was_killed(fields: dict[str, Any], error: str) -> None:
    """The next start closes its row. Every other end leaves tokens, a finish or an error."""
    found = decode.assistant(
        decode.parse(msgspec.json.encode(RECORD | fields)),
        place="a row",
        generation=Generation.V2,
        message_id="msg_1",
        session_id="ses_1",
    ).message
    assert found is not None
    assert found.error_type == error
