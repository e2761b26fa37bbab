"""What is asked of the spans in ClickHouse, with its real engine."""

from __future__ import annotations

import time

import pytest

from tests.support.real_programs import COLLECTOR
from tests.support.real_programs.clickhouse import ClickHouse

pytestmark = pytest.mark.clickhouse


DAY_S = 86_400


def put(clickhouse: ClickHouse, span: int, at_s: int, **more: str) -> None:
    """Insert a span of one model call of session `a`, with 5 tokens and half a dollar, as the Collector writes it."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "session.id": "a",
        "gen_ai.usage.input_tokens": "4",
        "gen_ai.usage.output_tokens": "1",
        "opencode.cost.usd": "0.5",
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    pairs = ", ".join(f"'{name}', '{value}'" for name, value in attributes.items())
    clickhouse.do(
        "INSERT INTO otel_agent.otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName, SpanAttributes) "
        f"SELECT toDateTime({at_s}), 't', '{span}', 'chat', 'otel-agent', map({pairs})"
    )


def test_the_query_of_repositories_counts_each_call_of_a_week_once(clickhouse: ClickHouse) -> None:
    yesterday = int(time.time()) - DAY_S
    put(clickhouse, 1, yesterday, vcs__repository__name="shop")
    put(clickhouse, 1, yesterday, vcs__repository__name="shop")  # a killed consumer writes it again
    put(clickhouse, 2, yesterday - DAY_S, vcs__repository__name="shop", session__id="b", opencode__cost__usd="0.25")
    put(clickhouse, 3, yesterday, vcs__repository__name="parser", opencode__cost__usd="7")
    put(clickhouse, 4, yesterday)
    put(clickhouse, 5, yesterday - 8 * DAY_S, vcs__repository__name="of-the-week-before")
    put(clickhouse, 6, yesterday, vcs__repository__name="shop", gen_ai__operation__name="execute_tool")
    query = (COLLECTOR / "clickhouse" / "top-repositories.sql").read_text(encoding="utf-8")
    found = [[str(cell) for cell in row[:4]] + [float(row[4])] for row in clickhouse.do(query)]
    assert found == [
        ["parser", "1", "1", "5", 7.0],
        ["shop", "2", "2", "10", 0.75],
        ["(not known)", "1", "1", "5", 0.5],
    ]
