"""The sentences of the live screen: where a person is, what the rows add up to, and what went wrong."""

from datetime import datetime
from typing import Final

from rich.console import Group
from rich.text import Text

from otel_agent.ledger.answers import Usage
from otel_agent.model.plural import counted
from otel_agent.summary.live.crumbs import Crumb
from otel_agent.summary.text import words
from otel_agent.summary.text.captions import footnotes
from otel_agent.summary.text.overview import active_sessions, overview_head
from otel_agent.summary.view import Activity, View

_NO_DATA: Final = "No data yet. It appears here as soon as OpenCode writes some."


def where_line(here: Crumb, view: View) -> Text:
    """Return the way to this view and its range: ``Sessions / build   all time``."""
    way = " / ".join((view.name.title(), *here.chosen))
    return Text(f"{way}   {words.range_in_words(view.range)}", no_wrap=True)


def reading_line(view: View) -> Text:
    """Return how far the reading of history is; empty if it has ended."""
    # The screen reads on by itself. If it cannot, the line about the trouble says so.
    return Text("" if view.reading is None else view.reading.in_words(stopped=False))


def upgrade_line(done: int, total: int) -> Text:
    """Return how far the upgrade of the ledger is; empty if it has ended."""
    return Text(f"Upgrading the ledger: {100 * done // total} %" if done < total else "")


def overview_lines(view: View, activity: Activity) -> Group:
    """Return what is shown above the rows of an overview: processes, categories, and active sessions."""
    parts = overview_head(view, activity)
    return Group(*parts, *([Text(), *active_sessions(view, activity)] if activity.sessions else []))


def foot_lines(view: View, kept: tuple[int, Usage] | None) -> Group:
    """Return the totals and the footnotes. ``kept`` is what a filter leaves: how many rows, and their usage."""
    total = counted(view.total_of(view.totals), "token")
    line = f"{counted(len(view.rows), 'row')}, {counted(view.totals.messages, 'message')}, {total}"
    if view.reading is not None:
        line += " so far"
    if kept is not None:
        number, usage = kept
        line = f"{words.exact(number)} of {line}; shown rows: {counted(view.total_of(usage), 'token')}"
    # While history is read, nobody knows yet that there is no data.
    notes = [Text(note, style="dim") for note in footnotes(view) or ([] if view.reading else [_NO_DATA])]
    return Group(Text(line, style="bold"), *notes)


def trouble_line(what: str, shown_since: datetime | None) -> Text:
    """Return what went wrong and, if an older answer stays on the screen, how old that is."""
    old = "" if shown_since is None else f". Showing data as of {shown_since:%H:%M:%S}."
    return Text(words.plain(what).rstrip(".") + old)
