"""The demo's tables keep their form when values do not fit."""

from __future__ import annotations

import io
import re

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from rich.cells import cell_len
from rich.console import Console

from otel_agent.demo.arrivals import arrivals_page
from otel_agent.demo.receiver import Receiver
from otel_agent.semconv.attributes import TOKEN_TYPES

LONG = "a-name-that-goes-on-and-on-" * 3
TOKENS = 9_876_543_210
SECOND = 10**9


def drawn(columns: int) -> str:
    receiver = Receiver()
    receiver.take_spans(spans())
    receiver.take_metrics(totals())
    screen = io.StringIO()
    Console(file=screen, width=columns, color_system=None).print(arrivals_page(receiver))
    with receiver:
        return screen.getvalue()


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def spans() -> bytes:
    numbers = [
        KeyValue(key=f"gen_ai.usage.{kind}_tokens", value=AnyValue(int_value=TOKENS)) for kind in ("input", "output")
    ]
    names = [text(key, LONG) for key in ("gen_ai.agent.name", "opencode.project.name")]
    span = Span(name=f"chat {LONG}", start_time_unix_nano=SECOND, end_time_unix_nano=12_346 * SECOND)
    span.attributes.extend([*numbers, *names])
    scope = ScopeSpans(spans=[span])
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[scope])]).SerializeToString()


def totals() -> bytes:
    models = [[text("gen_ai.request.model", LONG)], []]
    points = [
        NumberDataPoint(as_int=number, attributes=[*model, text("gen_ai.token.type", type_)])
        for model, number in zip(models, (TOKENS, 1), strict=True)
        for type_ in TOKEN_TYPES
    ]
    metric = Metric(name="opencode.token.usage", unit="{token}", sum=Sum(data_points=points))
    scope = ScopeMetrics(metrics=[metric])
    return ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(scope_metrics=[scope])]).SerializeToString()


@pytest.mark.parametrize("columns", [80, 120])
def test_long_names_are_cut_and_numbers_never(columns: int) -> None:
    printed = drawn(columns)
    assert max(map(cell_len, printed.splitlines())) <= columns
    assert re.search(r"^opencode\.token\.usage +\{token\} +10 +49,382,716,055 *$", printed, re.MULTILINE)
    number = "9,876,543,210" if columns == 120 else "9.88B"
    assert re.search(rf"^a-name-that-.*… +({number} *){{5}}$", printed, re.MULTILINE)
    assert re.search(r"^\d\d:\d\d +chat a-.*… .*… .*… +9,876,543,210 +9,876,543,210 +12345\.00$", printed, re.MULTILINE)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_each_model_has_one_line_and_usage_without_a_model_the_name_of_the_summary(columns: int) -> None:
    lines = [line.split() for line in drawn(columns).splitlines()]
    begin = next(number for number, words in enumerate(lines) if words[:1] == ["Model"])
    longest, other, after = lines[begin + 1 : begin + 4]
    kinds = 4 if columns == 60 else 5
    assert (len(longest), longest[0][-1]) == (1 + kinds, "…")
    assert other == ["titles", "and", "other", *["1"] * kinds]
    assert after == []
