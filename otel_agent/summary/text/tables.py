"""Views as tables on a terminal. Text from storage is shown as it is, never as markup.

When the terminal is narrow, names are cut; numbers never are.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.text import Text

from otel_agent.model.plural import counted
from otel_agent.summary.text import words
from otel_agent.summary.text.bars import bar, whole_of
from otel_agent.summary.text.captions import (
    cut_line,
    cuts_the_earliest,
    footnotes,
    incomplete,
    nothing_in,
    title_of,
    total_name,
    warned,
)
from otel_agent.summary.text.overview import active_sessions, overview_head, title_line
from otel_agent.summary.text.tool_rows import BY_SERVER, NUMBERS, SERVER_TITLES, server_rows
from otel_agent.summary.text.widths import GAP, TableLayout, end_of, fit_table
from otel_agent.summary.view import Activity, ToolCalls, View

_GAP: Final = " " * GAP
_SERVER_WIDEST: Final = 20
"""A longer name of a server loses its beginning, so that no number loses its end."""


def view_table(view: View) -> RenderableType:
    """Return everything a terminal shows of a view, as wide as the console that prints it."""
    if view.activity is not None:
        return Group(*incomplete_line(view), _overview(view, view.activity))
    return Group(*incomplete_line(view), title_line(title_of(view)), _body(view), Text(), _Footnotes(view))


def incomplete_line(view: View) -> list[Text]:
    """Return the line that says that the numbers are incomplete; none if they are complete."""
    sentence = incomplete(view)
    return [Text(sentence, style="bold yellow")] if sentence else []


def no_data(places: Sequence[Path]) -> RenderableType:
    """Return what to print if nothing was ever counted: the places that were searched, and what to do."""
    looked = [Text(f"  {place}") for place in places]
    hint = Text("Use OpenCode once, or set XDG_DATA_HOME or OTEL_AGENT_DATA_DIRS if its data is elsewhere.")
    return Group(Text("No data available. Looked in:"), *looked, hint)


class _RowsTable:
    """The rows of a view, the line about the rows that were cut, and the totals, fitted to the console's width."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        view = self._view
        layout = fit_table(view, options.max_width)
        yield Text(layout.head.rstrip(), style="dim", no_wrap=True, overflow="ellipsis")
        cut = [Text(cut_line(view), style="dim")] if view.cut is not None else []
        above = cuts_the_earliest(view)
        yield from [*(cut if above else []), *_lines(view, layout), *([] if above else cut)]
        yield Text(_GAP.join(layout.totals).rstrip(), style="bold", no_wrap=True, overflow="ellipsis")
        total = view.total_of(view.totals)
        # Shortened numbers are good to compare; somebody who copies the total needs all digits.
        if view.tools is None and words.exact(total) not in " ".join(layout.totals):
            yield Text(f"Exact {total_name(view).lower()}: {counted(total, 'token')}", style="dim")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)


def _lines(view: View, layout: TableLayout) -> Iterator[Text]:
    whole = whole_of(view)
    for row, texts in zip(view.rows, layout.rows, strict=True):
        line = Text(_GAP.join(texts), style="" if row.usage.is_any else "dim", no_wrap=True, overflow="ellipsis")
        if layout.bar and whole:
            line.append(_GAP)
            line.append(bar(view.total_of(row.usage) / whole, layout.bar), style="cyan")
        line.rstrip()
        yield line


def _body(view: View) -> RenderableType:
    if not view.rows:
        return Text(nothing_in(view))
    if view.tools is not None and view.tools.servers:
        return Group(_RowsTable(view), Text(), title_line(BY_SERVER), _servers(view, view.tools))
    return _RowsTable(view)


def _servers(view: View, tools: ToolCalls) -> RenderableType:
    """Return the line of each MCP server, below the titles."""
    rows = [SERVER_TITLES, *((end_of(name, _SERVER_WIDEST), *numbers) for name, *numbers in server_rows(view, tools))]
    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    lines = []
    for number, row in enumerate(rows):
        cells = [
            " " * (width - cell_len(text)) + text if index in NUMBERS else set_cell_size(text, width)
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(Text(_GAP.join(cells).rstrip(), style="" if number else "dim", no_wrap=True, overflow="ellipsis"))
    return Group(*lines)


def _overview(view: View, activity: Activity) -> RenderableType:
    parts = [*overview_head(view, activity), Text()]
    parts += [title_line("Models"), _body(view)] if view.rows else [_body(view)]
    if activity.sessions:
        parts += [Text(), *active_sessions(view, activity)]
    return Group(*parts, Text(), _Footnotes(view))


class _Footnotes:
    """The sentences below a view. They say nothing of a column for which the console has no room."""

    def __init__(self, view: View) -> None:
        self._view = replace(view, warnings=view.brief_warnings) if view.brief_warnings else view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        view, first = self._view, warned(self._view)
        for index, line in enumerate(footnotes(view, self._columns(options.max_width))):
            yield Text(line, style="yellow" if index < first else "dim")

    def _columns(self, width: int) -> list[str] | None:
        """Return the titles of the columns; ``None`` if no note is about one, because laying out takes time."""
        view = self._view
        if view.tools is None and view.equivalents is None:
            return None
        return [column.title for column in fit_table(view, width).columns] if view.rows else []

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)
