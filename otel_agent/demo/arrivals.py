"""Shows as tables what arrived at the demo's receiver."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from otel_agent.demo.receiver import Point, Receiver, Span
from otel_agent.ledger.answers import UNATTRIBUTED
from otel_agent.model.money import dollars
from otel_agent.model.plural import counted
from otel_agent.semconv import COST_USAGE, GENAI_LATEST, NANO, OPENCODE, TOKEN_USAGE
from otel_agent.semconv.attributes import TOKEN_TYPES, Attr
from otel_agent.summary.ranges import here
from otel_agent.summary.text.listed import Listed, least_width, listed_lines
from otel_agent.summary.text.words import compact, exact, plain

_SHOWN_SPANS: Final = 8
"""Spans in the last table, the newest."""
_LEAST_IMPORTANT: Final = "reasoning"
"""The type of tokens that a narrow screen has no column for."""


def arrivals_page(receiver: Receiver) -> RenderableType:
    """Draw the counters, the tokens by model and the last spans that the receiver holds."""
    points = receiver.points
    heading = Text(
        f"{counted(receiver.span_count, 'span')} and {counted(len(points), 'series', 'series')} arrived in "
        f"{counted(receiver.requests, 'OTLP request')} at {receiver.endpoint}",
        style="bold",
    )
    return Group(heading, Text(), _counters(points), Text(), _ByModel(points), Text(), _spans(receiver))


def _counters(points: list[Point]) -> Table:
    table = _table("Counters")
    table.add_column("Metric", overflow="fold")
    table.add_column("Unit", no_wrap=True)
    for name in ("Series", "Total"):
        table.add_column(name, justify="right", no_wrap=True)
    for metric in (*OPENCODE, *GENAI_LATEST[:2]):
        values = [point.value for point in points if point.metric == metric.name]
        if not values:
            continue  # such as loops, and tool calls of a history, which count from the first start on
        total = dollars(round(sum(values) * NANO)) if metric is COST_USAGE else f"{sum(values):,.0f}"
        table.add_row(metric.name, Text(metric.unit), f"{len(values):,}", total)
    return table


class _ByModel:
    """The tokens of each model, fitted to the console's width: numbers are shortened rather than names cut to nothing."""

    def __init__(self, points: list[Point]) -> None:
        used: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for point in points:
            if point.metric == TOKEN_USAGE.name:
                kind = str(point.attributes.get(Attr.TOKEN_TYPE))
                used[str(point.attributes.get(Attr.MODEL, ""))][kind] += point.value
        self._used = sorted(used.items(), key=lambda row: -sum(row[1].values()))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(f"{TOKEN_USAGE.name} by model", style="bold")
        columns = self._columns(exact)
        if least_width(columns) > options.max_width:
            columns = self._columns(compact)
        for number, line in enumerate(listed_lines(columns, options.max_width)):
            yield Text(line, style="" if number else "dim", no_wrap=True, overflow="ellipsis")

    def _columns(self, write: Callable[[int], str]) -> list[Listed]:
        numbers = [
            Listed(
                type_,
                [write(round(by_type[type_])) for _, by_type in self._used],
                "number",
                optional=int(type_ == _LEAST_IMPORTANT),
            )
            for type_ in TOKEN_TYPES
        ]
        return [Listed("Model", [plain(model) or UNATTRIBUTED for model, _ in self._used], narrowest=16), *numbers]


def _spans(receiver: Receiver) -> Table:
    table = _table(f"The last {min(_SHOWN_SPANS, receiver.span_count)} of {counted(receiver.span_count, 'span')}")
    table.expand = True
    table.add_column("Start", no_wrap=True)
    for name, ratio in (("Span", 5), ("Agent", 2), ("Project", 3)):
        table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=ratio)
    for name in ("In", "Out", "Seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for span in sorted(receiver.spans, key=lambda span: (span.end_ns, span.name))[-_SHOWN_SPANS:]:
        table.add_row(*_span(span))
    return table


def _span(span: Span) -> list[str | Text]:
    attributes = span.attributes
    started = here(datetime.fromtimestamp(span.start_ns / 1e9, UTC))
    words = [span.name, *(str(attributes.get(key, "")) for key in (Attr.AGENT, Attr.PROJECT))]
    numbers = [f"{attributes[key]:,}" if key in attributes else "" for key in (Attr.USAGE_INPUT, Attr.USAGE_OUTPUT)]
    return [
        f"{started:%H:%M}",
        *(Text(plain(word)) for word in words),
        *numbers,
        f"{(span.end_ns - span.start_ns) / 1e9:.2f}",
    ]


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
