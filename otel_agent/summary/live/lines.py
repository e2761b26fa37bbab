"""The sentences of the live screen: where a person is, what the rows add up to, and what went wrong."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from otel_agent.ledger.answers import Usage
from otel_agent.model.plural import counted
from otel_agent.summary.live.crumbs import Crumb
from otel_agent.summary.live.style import LOW, MOST_DETAIL, MOST_LOW_DETAIL, SHORT
from otel_agent.summary.question import Accounting
from otel_agent.summary.text import words
from otel_agent.summary.text.bars import sparkline
from otel_agent.summary.text.captions import asked_for, footnotes
from otel_agent.summary.text.column import name_of
from otel_agent.summary.view import Row, SessionRow, ToolRow, View, shown

_NO_DATA: Final = "No data yet. It appears here as soon as OpenCode writes some."


def where_line(here: Crumb, view: View) -> RenderableType:
    """Return the way to this view and its range: ``Sessions / build   all time``."""
    name = f"Timeline by {view.question.by}" if view.name == "timeline" else view.name.title()
    way = " / ".join((name, *here.chosen))
    return Group(Text(f"{way}   {asked_for(view)}", no_wrap=True, overflow="ellipsis"))


def reading_line(view: View) -> Text:
    """Return how far the reading of history is; empty if it has ended."""
    # The screen reads on by itself. If it cannot, the line about the trouble says so.
    return Text("" if view.reading is None else view.reading.in_words(stopped=False))


def upgrade_line(done: int, total: int) -> Text:
    """Return how far the upgrade of the ledger is; empty if it has ended."""
    return Text(f"Upgrading the ledger: {100 * done // total} %" if done < total else "")


def trend_line(view: View, width: int) -> Text:
    """Return small bars for the steps of the range, and the largest step; empty without usage."""
    if view.trend is None or view.name == "timeline" or not view.totals.is_any:
        return Text("")
    tokens = [view.total_of(period.usage) for period in view.trend.periods]
    largest = max(view.trend.periods, key=lambda period: view.total_of(period.usage))
    said = f"  by {view.trend.by}, most {words.compact(max(tokens))} on {words.period(largest.key, largest.since)}"
    bars = sparkline(tokens, width - len(said))
    return Text.assemble((bars, "cyan"), (said, "dim"), no_wrap=True, overflow="ellipsis")


def detail_line(view: View, row: Row | None, width: int, height: int) -> RenderableType:
    """Return the exact numbers of a row and, on a screen that is high enough, its whole name; empty without a row."""
    if row is None:
        return Text("")
    most = MOST_LOW_DETAIL if height < LOW else MOST_DETAIL
    if height < SHORT:
        return sum_line(row.usage, view.accounting, width, most)
    numbers = sum_line(row.usage, view.accounting, width, most - 1)
    key = words.plain(row.key)
    name = Text(name_of(row), style="bold", no_wrap=True, overflow="ellipsis")
    return Group(
        name.append(f"  {key}", "not bold") if isinstance(row, SessionRow) and name.plain != key else name, numbers
    )


def sum_line(usage: Usage, accounting: Accounting, width: int, most: int) -> RenderableType:
    """Return the exact tokens of a usage with the categories that they are the sum of, and the cost if there is any.

    It has ``most`` lines of a width.
    """
    tokens = shown(usage, accounting)
    named = zip(words.CATEGORIES, tokens.by_category(), strict=True)
    first, *others = [f"{words.exact(number)} {name.lower()}" for name, number in named if number] or [""]
    total = counted(tokens.total, "token")
    parts = [f"{total} = {first}" if first else total, *(f"+ {other}" for other in others)]
    if usage.cost_nusd:
        parts[-1] += ","
        parts.append(f"{words.dollars(usage.cost_nusd)} USD")
    return _shown_lines(_flowed(parts, " ", width, most))


def first_lines(sentences: Iterable[str], width: int, most: int) -> RenderableType:
    """Return the first lines of some sentences. Each sentence begins a line. A ``…`` says that there is more."""
    lines = [line for sentence in sentences for line in _flowed(sentence.split(), " ", width)]
    if len(lines) > most:
        lines[most - 1 :] = [_cut(lines[most - 1].split(), " ", width)]
    return _shown_lines(lines)


def _shown_lines(lines: Iterable[str]) -> RenderableType:
    # Textual would wrap a text alone, and cut below what is too much.
    return Group(*(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))


def flowed(parts: Iterable[str], gap: str, width: int) -> str:
    """Return the parts one after another in lines of a width; a line never ends inside a part."""
    return "\n".join(_flowed(parts, gap, width))


def _flowed(parts: Iterable[str], gap: str, width: int, most: int | None = None) -> list[str]:
    """Return the lines. If there are more than ``most``, the last one ends in ``…`` instead of a part that is cut."""
    lines: list[list[str]] = [[]]
    for part in parts:
        if lines[-1] and cell_len(gap.join([*lines[-1], part])) > width:
            lines.append([])
        lines[-1].append(part)
    if most is not None and len(lines) > most:
        return [*(gap.join(line) for line in lines[: most - 1]), _cut(lines[most - 1], gap, width)]
    return [gap.join(line) for line in lines]


def _cut(parts: list[str], gap: str, width: int) -> str:
    """Return as many of the parts as leave room for the ``…`` after them."""
    kept = len(parts)
    while kept > 1 and cell_len(gap.join([*parts[:kept], "…"])) > width:
        kept -= 1
    return gap.join([*parts[:kept], "…"])


def foot_lines(view: View, kept: Sequence[Row] | None, *, short: bool) -> RenderableType:
    """Return the totals, and one line about warnings and notes. ``kept`` are the rows that a filter leaves.

    On a ``short`` screen both are in one line, and the number of warnings comes first.
    """
    line = f"{counted(len(view.rows), 'row')}, {_sums(view)}"
    if view.reading is not None:
        line += " so far"
    if kept is not None:
        line = f"{words.exact(len(kept))} of {line}; shown rows: {_sum_of(view, kept)}"
    if short:
        warned = f"! {counted(len(view.warnings), 'warning')}  " if view.warnings else ""
        one = Text.assemble((warned, "bold yellow"), (line, "bold"), "  ", _note_line(view))
        one.no_wrap, one.overflow = True, "ellipsis"
        # A text alone would be wrapped by Textual.
        return Group(one)
    return Group(Text(line, style="bold", no_wrap=True, overflow="ellipsis"), _note_line(view))


def _sums(view: View) -> str:
    """Return the totals of the rows: of a view of tools calls, because a message can be in two of them."""
    if view.tools is None:
        return f"{counted(view.totals.messages, 'message')}, {counted(view.total_of(view.totals), 'token')}"
    sums = view.tools
    share = f" ({words.share(sums.failed, sums.calls)})" if sums.failed else ""
    return (
        f"{counted(sums.calls, 'call')}, {words.exact(sums.failed)} failed{share}, {words.exact(sums.aborted)} aborted"
    )


def _sum_of(view: View, kept: Sequence[Row]) -> str:
    if view.tools is not None:
        return counted(sum(row.calls for row in kept if isinstance(row, ToolRow)), "call")
    return counted(sum(view.total_of(row.usage) for row in kept), "token")


def _note_line(view: View) -> Text:
    """Return the first sentence that a reader should know, and how many more there are."""
    # While history is read, nobody knows yet that there is no data.
    sentences = footnotes(view) or ([] if view.reading else [_NO_DATA])
    if not sentences:
        return Text("")
    more = f"(! shows {len(sentences) - 1} more) " if len(sentences) > 1 else ""
    note = Text.assemble((more, "bold"), sentences[0], style="yellow" if view.warnings else "dim")
    note.no_wrap, note.overflow = True, "ellipsis"
    return note


def trouble_line(what: str, shown_since: datetime | None) -> Text:
    """Return what went wrong and, if an older answer stays on the screen, how old that is."""
    old = "" if shown_since is None else f". Showing data as of {shown_since:%H:%M:%S}."
    return Text(words.plain(what).rstrip(".") + old)
