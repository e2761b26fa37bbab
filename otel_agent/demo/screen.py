"""Draws the live demo's screen: counters that rise, and spans as they arrive."""

from collections import defaultdict
from datetime import UTC, datetime, tzinfo
from typing import Final

from msgspec import Struct
from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from otel_agent.demo.receiver import Point, Span
from otel_agent.demo.store_writer import Written
from otel_agent.model.money import dollars
from otel_agent.model.plural import counted
from otel_agent.semconv import COST_USAGE, MESSAGE_COUNT, NANO, TOKEN_USAGE, TOOL_CALL_COUNT
from otel_agent.semconv.attributes import TOKEN_TYPES, Attr
from otel_agent.summary.text.words import plain

_BAR: Final = 30
"""Cells of the longest bar."""
_FRESH_SECONDS: Final = 1.5
"""Time for which a span is shown as new."""
_OTHER_ROWS: Final = 16
"""Lines of the screen that show no span."""
_COLOURS: Final = ("cyan", "green", "magenta", "blue", "yellow")


class Frame(Struct, frozen=True):
    """Everything that is shown at one moment."""

    elapsed_s: float
    seconds: float
    written: Written
    points: list[Point]
    spans: list[Span]
    """The last spans, the newest at the end."""
    span_count: int
    requests: int
    now_s: float
    """Seconds since the Unix epoch."""
    zone: tzinfo = UTC


def screen_of(frame: Frame, *, height: int = 24) -> RenderableType:
    """Draw the frame on ``height`` lines, with as many of the newest spans as fit."""
    rows = max(height - _OTHER_ROWS, 1)
    return Group(_heading(), _counters(frame), _spans(frame, rows), _footer(frame))


def _heading() -> RenderableType:
    text = Text("otel-agent, live. ", style="bold")
    text.append("The store is made up, and written while you watch; ", style="yellow")
    text.append("agent, OTLP and receiver are real.")
    return text


def _counters(frame: Frame) -> RenderableType:
    tokens: dict[str, float] = defaultdict(float)
    sums: dict[str, float] = defaultdict(float)
    for point in frame.points:
        sums[point.metric] += point.value
        if point.metric == TOKEN_USAGE.name:
            tokens[str(point.attributes.get(Attr.TOKEN_TYPE))] += point.value
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True, min_width=10)
    table.add_column(ratio=1)
    # Without any token yet the bars are empty, and nothing is divided by zero.
    most = max(tokens.values(), default=0) or 1
    for type_, colour in zip(TOKEN_TYPES, _COLOURS, strict=True):
        table.add_row(type_, f"{tokens[type_]:,.0f}", Bar(most, 0, tokens[type_], width=_BAR, color=colour))
    totals = Text(f"{counted(round(sums[MESSAGE_COUNT.name]), 'message')}   ")
    totals.append(
        f"{counted(round(sums[TOOL_CALL_COUNT.name]), 'tool call')}   {dollars(round(sums[COST_USAGE.name] * NANO))} USD   "
    )
    totals.append(f"{counted(frame.span_count, 'span')} in {counted(frame.requests, 'request')}")
    return Panel(Group(table, totals), title=f"{TOKEN_USAGE.name} {{token}}", title_align="left", border_style="dim")


def _spans(frame: Frame, rows: int) -> RenderableType:
    table = Table(box=None, expand=True, pad_edge=False, header_style="dim")
    for name, right in (("Ended", False), ("Span", False), ("Took", True), ("Project", False), ("Session", False)):
        table.add_column(name, justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    for span in frame.spans[::-1][:rows]:
        ended_s = span.end_ns / 1e9
        failed = "red" if Attr.ERROR_TYPE in span.attributes else ""
        style = failed or ("bold green" if frame.now_s - span.arrived_s < _FRESH_SECONDS else "")
        table.add_row(
            f"{datetime.fromtimestamp(ended_s, frame.zone):%H:%M:%S}",
            plain(span.name),
            f"{(span.end_ns - span.start_ns) / 1e9:.1f} s",
            plain(str(span.attributes.get(Attr.PROJECT, ""))),
            str(span.attributes.get(Attr.SESSION, ""))[-8:],
            style=style,
        )
    return table


def _footer(frame: Frame) -> RenderableType:
    left = max(frame.seconds - frame.elapsed_s, 0)
    text = Text(f"OpenCode has completed {counted(frame.written.messages, 'message')} so far. ", style="bold")
    text.append(f"{left:.0f} s left; Ctrl-C ends the demo.", style="dim")
    return text
