"""Views as tables on a terminal. Text from storage is shown as it is, never as markup.

When the terminal is narrow, names are cut; numbers never are.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from otel_agent.model import ProcessMode
from otel_agent.model.plural import counted
from otel_agent.model.project import from_home
from otel_agent.summary.answer import ACTIVE_MINUTES
from otel_agent.summary.text import words
from otel_agent.summary.text.captions import cut_line, footnotes, incomplete, nothing_in, title_of, total_name
from otel_agent.summary.text.columns import name_of
from otel_agent.summary.text.widths import GAP, TableLayout, fit_table
from otel_agent.summary.view import Activity, Process, SessionRow, View, shown

_MODES: Final = {ProcessMode.CLI: "CLI", ProcessMode.SERVER: "Server", ProcessMode.LSP: "LSP"}
_BARS: Final = frozenset({"overview", "projects", "agents", "models", "timeline"})
_BAR_COLUMNS: Final = 20
_GAP: Final = " " * GAP


def view_table(view: View) -> RenderableType:
    """Return everything a terminal shows of a view, as wide as the console that prints it."""
    if view.activity is not None:
        return Group(*incomplete_line(view), _overview(view, view.activity))
    return Group(*incomplete_line(view), _title(title_of(view)), _body(view), Text(), _footnotes(view))


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
        yield Text(layout.head.rstrip(), style="dim", no_wrap=True)
        yield from _lines(view, layout)
        if view.cut is not None:
            yield Text(cut_line(view), style="dim")
        yield Text(_GAP.join(layout.totals).rstrip(), style="bold", no_wrap=True)
        total = view.total_of(view.totals)
        # Shortened numbers are good to compare; somebody who copies the total needs all digits.
        if words.exact(total) not in " ".join(layout.totals):
            yield Text(f"Exact {total_name(view).lower()}: {counted(total, 'token')}", style="dim")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)


def _lines(view: View, layout: TableLayout) -> Iterator[Text]:
    # A bar is a row's share of the total; a day's share of a month would be too short to see, so compare with the top.
    largest = max((view.total_of(row.usage) for row in view.rows), default=0)
    whole = largest if view.name == "timeline" else view.total_of(view.totals)
    for row, texts in zip(view.rows, layout.rows, strict=True):
        line = Text(_GAP.join(texts), style="" if row.usage.is_any else "dim", no_wrap=True)
        if layout.bar and view.name in _BARS and whole:
            line.append(_GAP)
            line.append(bar(view.total_of(row.usage) / whole, layout.bar), style="cyan")
        line.rstrip()
        yield line


def bar(share: float, width: int) -> str:
    """Return a bar in eighths of a column, ``width`` columns for a share of 1.0. A share above 0 is always visible."""
    eighths = max(round(share * width * 8), 1 if share else 0)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def _body(view: View) -> RenderableType:
    return _RowsTable(view) if view.rows else Text(nothing_in(view))


def _overview(view: View, activity: Activity) -> RenderableType:
    parts = [*overview_head(view, activity), Text()]
    parts += [_title("Models"), _body(view)] if view.rows else [_body(view)]
    if activity.sessions:
        parts += [Text(), *active_sessions(view, activity)]
    return Group(*parts, Text(), _footnotes(view))


def overview_head(view: View, activity: Activity) -> list[RenderableType]:
    """Return the running processes and, if anything was used, the tokens by category."""
    processes = _processes(view, activity.processes)
    if not view.totals.is_any:
        return [processes]
    title = _title(f"Tokens, {words.range_in_words(view.range)}")
    return [processes, Text(), title, _categories(view), _sums(view)]


def active_sessions(view: View, activity: Activity) -> list[RenderableType]:
    """Return the sessions that had a message in the last minutes, under their title."""
    return [_title(f"Sessions active in the last {ACTIVE_MINUTES} minutes"), _active(view, activity.sessions)]


def _processes(view: View, processes: Sequence[Process]) -> RenderableType:
    if not processes:
        return Text("No OpenCode process is running.", style="dim")
    table = _table("PID", "Mode", right=("CPU", "Memory", "Up"), last="Directory")
    for process in processes:
        sample = process.sample
        table.add_row(
            str(sample.pid),
            _MODES[sample.mode],
            f"{process.cpu:.1%}",
            words.megabytes(sample.rss_bytes),
            words.age(words.since_epoch(sample.created_s, view.now)),
            Text(words.plain(from_home(sample.directory)) or words.NOTHING),
        )
    return Group(_title("Running OpenCode"), table)


def _categories(view: View) -> Table:
    tokens = shown(view.totals, view.accounting)
    table = _table("Category", right=("Tokens", "Share"), last="")
    for name, number in zip(words.CATEGORIES, tokens.by_category(), strict=True):
        part = number / tokens.total if tokens.total else 0.0
        table.add_row(
            name,
            words.exact(number),
            words.share(number, tokens.total),
            Text(bar(max(part, 0), _BAR_COLUMNS), style="cyan"),
        )
    table.add_row(Text(total_name(view), style="bold"), Text(words.exact(tokens.total), style="bold"))
    return table


def _sums(view: View) -> Text:
    used = view.totals
    messages, sessions = counted(used.messages, "message"), counted(used.sessions, "session")
    return Text(f"{messages} in {sessions}, {words.dollars(used.cost_nusd)} USD as recorded")


def _active(view: View, sessions: Sequence[SessionRow]) -> Table:
    table = _table("Session", "Project", right=("Messages", "Tokens"))
    table.expand = True
    # The names share the width that the numbers leave.
    for column in table.columns[:2]:
        column.ratio = 1
    for session in sessions:
        table.add_row(
            Text(name_of(session)),
            Text(words.plain(from_home(session.project))),
            words.exact(session.usage.messages),
            words.exact(view.total_of(session.usage)),
        )
    return table


def _footnotes(view: View) -> RenderableType:
    lines = footnotes(view)
    warned = len(view.warnings)
    return Group(*(Text(line, style="yellow" if index < warned else "dim") for index, line in enumerate(lines)))


def _title(text: str) -> Text:
    return Text(text, style="bold")


def _table(*left: str, right: Sequence[str], last: str | None = None) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for name in left:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    if last is not None:
        table.add_column(last, no_wrap=True, overflow="ellipsis")
    return table
