"""Model and tool calls whose parts were made at a given time, and how long what arrived says that they lasted."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store
from tests.support.made_stores import Message, Part, Tokens, message, part_id, session, text, tool
from tests.support.otlp_receiver import SpanRow

USED = Tokens(1200, 80, 20, 400, 10)
S = 1_000
MINUTE = 60 * S
DAY = 86_400 * S
NOW = time.time_ns() // 1_000_000 - 3_600_000
"""An hour ago, in milliseconds: the parts of messages are read from the day before the first start on."""
DURATIONS = ("gen_ai.client.inference.duration", "gen_ai.client.operation.duration")
FIRST_CHUNK = "gen_ai.client.inference.time_to_first_chunk"


def call(version: str = "1.18.33", took: int = 63 * S, at: int = NOW, **fields: Any) -> Message:
    """A model call of a session that this release began; it asked for tools."""
    whole: dict[str, Any] = {"completed": at + took, "finish": "tool-calls"} | fields
    return message(session(at - 500, version=version), USED, at, **whole)


def made(part: Part, at: int) -> Part:
    """The part, made at this time: its id carries it."""
    return replace(part, id=part_id(at))


def bash(of: Message, made_at: int, start: int, end: int, name: str = "bash", counter: int = 4, **fields: Any) -> Part:
    """A tool call whose part was made at one time and says that it ran at another."""
    whole = tool(of, name, counter, at=start, took=end - start, **fields)
    return replace(whole, id=part_id(made_at, counter))


def begun(of: Message, at: int, kind: str = "text", counter: int = 3, **time_: Any) -> Part:
    """A text or reasoning whose part was made at this time."""
    part = text(of, counter)
    return replace(part, id=part_id(at, counter), body={"type": kind, "text": "Hello.", "time": time_})


def put(store: Store, of: Message, *parts: Part) -> None:
    store.put_turn(of)
    store.put(*parts)


def seconds(span: SpanRow) -> float:
    return (span.end_ns - span.start_ns) / 1e9


def durations(arrived: Arrived, metric: str = DURATIONS[0]) -> tuple[int, float]:
    """The number and the sum of a histogram, in seconds and to the millisecond."""
    points = [point for (name, _), point in arrived.receiver.latest().items() if name == metric]
    return sum(point.count or 0 for point in points), round(sum(point.sum or 0 for point in points), 3)


def lasted(arrived: Arrived, expected: float) -> bool:
    """True if the span of the only call and both histograms say that it lasted so many seconds."""
    assert [durations(arrived, metric) for metric in DURATIONS] == 2 * [(1, expected)]
    return seconds(arrived.chat()) == pytest.approx(expected)


def tool_span(arrived: Arrived, name: str = "bash") -> SpanRow:
    (span,) = (each for each in arrived.receiver.spans() if each.name == f"execute_tool {name}")
    return span
