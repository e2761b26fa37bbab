"""The sentences of the live screen: where a person is, what the rows add up to, and what went wrong."""

from datetime import datetime
from typing import Final

from rich.console import Group
from rich.text import Text

from otel_agent.ledger.answers import Usage
from otel_agent.model.plural import counted
from otel_agent.summary.live.crumbs import Crumb
from otel_agent.summary.text import words
from otel_agent.summary.text.bars import sparkline
from otel_agent.summary.text.captions import asked_for, footnotes
from otel_agent.summary.view import View

_NO_DATA: Final = "No data yet. It appears here as soon as OpenCode writes some."


def where_line(here: Crumb, view: View) -> Text:
    """Return the way to this view and its range: ``Sessions / build   all time``."""
    way = " / ".join((view.name.title(), *here.chosen))
    return Text(f"{way}   {asked_for(view)}", no_wrap=True, overflow="ellipsis")


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
    return Text.assemble((bars, "cyan"), (said, "dim"), no_wrap=True)


def foot_lines(view: View, kept: tuple[int, Usage] | None) -> Group:
    """Return the totals, and one line about warnings and notes. ``kept`` is what a filter leaves: rows and their usage."""
    total = counted(view.total_of(view.totals), "token")
    line = f"{counted(len(view.rows), 'row')}, {counted(view.totals.messages, 'message')}, {total}"
    if view.reading is not None:
        line += " so far"
    if kept is not None:
        number, usage = kept
        line = f"{words.exact(number)} of {line}; shown rows: {counted(view.total_of(usage), 'token')}"
    return Group(Text(line, style="bold", no_wrap=True, overflow="ellipsis"), _note_line(view))


def _note_line(view: View) -> Text:
    """Return the first sentence that a reader should know, and how many more there are."""
    # While history is read, nobody knows yet that there is no data.
    sentences = footnotes(view) or ([] if view.reading else [_NO_DATA])
    if not sentences:
        return Text("")
    more = f"  (! shows {len(sentences) - 1} more)" if len(sentences) > 1 else ""
    note = Text.assemble((more.strip() + " " if more else "", "bold"), sentences[0])
    note.no_wrap, note.overflow = True, "ellipsis"
    note.style = "yellow" if view.warnings else "dim"
    return note


def trouble_line(what: str, shown_since: datetime | None) -> Text:
    """Return what went wrong and, if an older answer stays on the screen, how old that is."""
    old = "" if shown_since is None else f". Showing data as of {shown_since:%H:%M:%S}."
    return Text(words.plain(what).rstrip(".") + old)
