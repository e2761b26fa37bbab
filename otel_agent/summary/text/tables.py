"""Views as a person reads them on a terminal. Text from storage is shown as it is, never as markup.

Names give way to the width of the terminal, numbers never do.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from otel_agent.model import ProcessMode
from otel_agent.model.project import from_home
from otel_agent.summary.answer import ACTIVE_MINUTES
from otel_agent.summary.text import words
from otel_agent.summary.text.captions import cut_line, footnotes, nothing_in, title_of
from otel_agent.summary.text.columns import name_of, total_of
from otel_agent.summary.text.widths import GAP, laid_out
from otel_agent.summary.view import Overview, Process, View, shown

_MODES: Final = {ProcessMode.CLI: "CLI", ProcessMode.SERVER: "Server", ProcessMode.LSP: "LSP"}
_BARS: Final = frozenset({"overview", "projects", "agents", "models", "timeline"})
_BAR_COLUMNS: Final = 20


def view_table(view: View[Any]) -> RenderableType:
    if isinstance(view, Overview):
        return _overview(view)
    return Group(_title(title_of(view)), _body(view), Text(), _footnotes(view))


def no_data(places: Sequence[Path]) -> RenderableType:
    """What to say where nothing was ever counted."""
    looked = [Text(f"  {place}") for place in places]
    hint = Text("Use OpenCode once, or set XDG_DATA_HOME or OTEL_AGENT_DATA_DIRS if its data is elsewhere.")
    return Group(Text("No data available. Looked in:"), *looked, hint)


class _Rows:
    """The rows of a view, what was cut, and the totals."""

    def __init__(self, view: View[Any]) -> None:
        self._view = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        view, width = self._view, options.max_width
        laid = laid_out(view, width)
        gap = " " * GAP
        heads = (
            _aligned(each.title, size, each.kind == "number")
            for each, size in zip(laid.columns, laid.widths, strict=True)
        )
        yield Text(gap.join(heads).rstrip(), style="dim", no_wrap=True)
        largest = max((total_of(view, row.usage) for row in view.rows), default=0)
        whole = largest if view.name == "timeline" else total_of(view, view.totals)
        for row, texts in zip(view.rows, laid.rows, strict=True):
            line = Text(gap.join(texts), style="" if row.usage.messages else "dim", no_wrap=True)
            if laid.bar and view.name in _BARS and whole:
                line.append(gap)
                line.append(bar(total_of(view, row.usage) / whole, laid.bar), style="cyan")
            line.rstrip()
            yield line
        if view.cut is not None:
            yield Text(cut_line(view), style="dim")
        yield Text(gap.join(laid.totals).rstrip(), style="bold", no_wrap=True)
        exact = words.exact(total_of(view, view.totals))
        if exact not in " ".join(laid.totals):
            yield Text(f"In all {words.counted(total_of(view, view.totals), 'token')}", style="dim")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)


def bar(share: float, width: int) -> str:
    """In eighths of a column; what is used at all is seen."""
    eighths = max(round(share * width * 8), 1 if share else 0)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def _aligned(title: str, width: int, right: bool) -> str:
    return title.rjust(width) if right else title.ljust(width)


def _body(view: View[Any]) -> RenderableType:
    return _Rows(view) if view.rows else Text(nothing_in(view))


def _overview(view: Overview) -> RenderableType:
    parts = [*overview_head(view), Text()]
    parts += [_title("Models"), _body(view)] if view.rows else [_body(view)]
    if view.active:
        parts += [Text(), *overview_active(view)]
    return Group(*parts, Text(), _footnotes(view))


def overview_head(view: Overview) -> list[RenderableType]:
    """What runs, and what was used in all."""
    parts: list[RenderableType] = [processes_table(view.processes, view), Text()]
    if view.totals.messages:
        parts += [_title(f"Tokens, {words.range_in_words(view.range)}"), _categories(view), _sums(view)]
    return parts if view.totals.messages else parts[:1]


def overview_active(view: Overview) -> list[RenderableType]:
    return [_title(f"Sessions active in the last {ACTIVE_MINUTES} minutes"), _active(view)]


def processes_table(processes: Sequence[Process], view: View[Any]) -> RenderableType:
    if not processes:
        return Text("No OpenCode is running.", style="dim")
    table = _table("PID", "Mode", right=("CPU", "Memory", "Up"), last="Directory")
    for each in processes:
        sample = each.sample
        table.add_row(
            str(sample.pid),
            _MODES[sample.mode],
            f"{each.cpu:.1%}",
            words.megabytes(sample.rss_bytes),
            words.age(words.since_epoch(sample.created_s, view.now)),
            Text(words.plain(from_home(sample.directory)) or words.NOTHING),
        )
    return Group(_title("Running OpenCode"), table)


def _categories(view: View[Any]) -> Table:
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
    table.add_row(Text("Total", style="bold"), Text(words.exact(tokens.total), style="bold"))
    return table


def _sums(view: View[Any]) -> Text:
    used = view.totals
    messages, sessions = words.counted(used.messages, "message"), words.counted(used.sessions, "session")
    return Text(f"{messages} in {sessions}, {words.dollars(used.cost_nusd)} USD as recorded")


def _active(view: Overview) -> Table:
    table = _table("Session", "Project", right=("Messages", "Tokens"))
    table.expand = True
    for column in table.columns[:2]:
        column.ratio = 1
    for each in view.active:
        project = words.plain(from_home(each.project))
        table.add_row(
            Text(name_of(each)),
            Text(project),
            words.exact(each.usage.messages),
            words.exact(total_of(view, each.usage)),
        )
    return table


def _footnotes(view: View[Any]) -> RenderableType:
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
