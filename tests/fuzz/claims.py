"""What has to be true of everything that a decoder returns, whatever it was given."""

from __future__ import annotations

import math

import msgspec

from otel_agent.model import Message, Session, Tokens
from otel_agent.opencode.json_values import MAX_COST_NUSD, MAX_TEXT, MAX_TIME_MS, MAX_TOKENS


def is_text(value: str, longest: int = MAX_TEXT) -> None:
    """Claim that SQLite and OTLP accept the text."""
    value.encode("utf-8")
    assert "\0" not in value
    assert len(value) <= longest


def is_time(value: int | None) -> None:
    """Claim that it is a time that OTLP can carry, or none."""
    assert value is None or (type(value) is int and 0 < value < MAX_TIME_MS)


def is_usage(value: Tokens) -> None:
    """Claim that each category is a number of tokens that a call can have used."""
    assert all(type(number) is int and 0 <= number <= MAX_TOKENS for number in value.by_category())


def is_message(message: Message) -> None:
    """Claim that a message can be counted, kept, sent, and passed to another process."""
    for text in (message.id, message.session_id, message.provider, message.model, message.turn_id, message.finish):
        is_text(text)
    for text in (message.agent, message.error_type, message.worktree, message.directory, message.variant):
        is_text(text)
    assert message.id
    assert message.session_id
    for at in (message.created_ms, message.completed_ms, message.response_ms, message.first_output_ms):
        is_time(at)
    is_usage(message.tokens)
    assert type(message.cost_nusd) is int
    assert 0 <= message.cost_nusd <= MAX_COST_NUSD
    assert 0 <= message.overlap.cached_in_input <= message.tokens.input
    assert 0 <= message.overlap.reasoning_in_output <= message.tokens.output
    assert 0 <= message.retries <= MAX_TOKENS
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=Message) == message


def is_session(session: Session) -> None:
    """Claim the same of a session."""
    for text in (session.id, session.parent_id, session.worktree, session.directory, session.title, session.version):
        is_text(text)
    assert 0 <= session.created_ms < MAX_TIME_MS
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(session), type=Session) == session


def is_number(value: float) -> None:
    """Claim that it is finite."""
    assert math.isfinite(value)
