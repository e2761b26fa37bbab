"""The sentences around a view: its title, what a limit left out, and what a reader should know."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from otel_agent.model import LoopKind
from otel_agent.model.plural import counted
from otel_agent.model.project import from_home
from otel_agent.summary.question import Question
from otel_agent.summary.suggestions import SHOWN_OF_ID
from otel_agent.summary.text import words
from otel_agent.summary.view import LoopSeen, SessionRow, ToolRow, View, ViewName, overlap

_TITLES: Final[dict[ViewName, str]] = {
    "overview": "Overview",
    "sessions": "Sessions",
    "projects": "Tokens by project",
    "models": "Tokens by model",
    "agents": "Tokens by agent",
    "timeline": "Tokens over time",
    "tools": "Tool calls",
}


def title_of(view: View) -> str:
    """Return the view's title with what was asked for: ``Tokens by model, all time, agent build, sorted by cost``."""
    return f"{_TITLES[view.name]}, {asked_for(view)}"


def asked_for(view: View) -> str:
    """Return the range, the filters and the order of a view, as far as they were chosen."""
    compared = [] if view.before is None else [f"compared with {words.range_in_words(view.before.range)}"]
    return ", ".join([words.range_in_words(view.range), *_filters(view.question), *_order(view), *compared])


def _filters(question: Question) -> Iterator[str]:
    for kind, globs in question.filters.by_kind.items():
        if globs:
            yield f"{kind} {' or '.join(map(words.plain, globs))}"


def _order(view: View) -> Iterator[str]:
    if view.question.sort is None:
        return
    # A session stands where its sub-agents' usage puts it, and its row shows only its own.
    rolled = any(isinstance(row, SessionRow) and row.usage != row.with_subagents for row in view.rows)
    yield f"sorted by {view.question.sort}{' with sub-agents' if rolled and view.question.sort != 'name' else ''}"


def incomplete(view: View) -> str:
    """Return the sentence to show above everything else while history is being read; empty once that has ended."""
    return "" if view.reading is None else view.reading.in_words(stopped=view.reading_stopped)


def total_name(view: View) -> str:
    """Return the name of the line of totals."""
    return "Total" if view.reading is None else "Total so far"


def nothing_in(view: View) -> str:
    """Return the sentence to show instead of a table without rows."""
    if view.reading is not None:
        return "No completed messages match so far."
    if view.tools is not None and view.totals.is_any:
        return f"No tool was called {words.in_range(view.range)}, as far as calls are known."
    filters = ", ".join(_filters(view.question))
    match_ = f"match {filters}" if filters else "match"
    if view.range.name == "all":
        return f"No completed messages {match_}." if filters else "No completed message was found."
    return f"No completed messages {f'{match_} ' if filters else ''}{words.in_range(view.range)}. --range all shows all messages."


def cut_line(view: View) -> str:
    """Return the line about the rows that the limit left out; empty if it left out none."""
    if view.cut is None:
        return ""
    if view.tools is not None:
        left = view.tools.calls - sum(row.calls for row in view.rows if isinstance(row, ToolRow))
        return f"… and {words.exact(view.cut.rows)} more, {counted(left, 'call')}"
    more = "earlier" if cuts_the_earliest(view) else "more"
    return f"… and {words.exact(view.cut.rows)} {more}, {counted(view.total_of(view.cut.usage), 'token')}"


def cuts_the_earliest(view: View) -> bool:
    """Return True if the limit leaves out rows above those that are shown, not below them."""
    return view.name == "timeline" and view.question.sort is None


def footnotes(view: View) -> list[str]:
    """Return the sentences below a view: warnings first, then notes on the numbers, then hints."""
    warnings = [f"Warning: {words.plain(warning)}" for warning in view.warnings]
    return [
        *warnings,
        *(loop_line(loop, view.now) for loop in view.loops),
        *_notes(view),
        *map(words.plain, view.hints),
    ]


def loop_line(loop: LoopSeen, now: datetime) -> str:
    """Return what went round in circles, in which session, and when."""
    name = words.plain(loop.title) or "no title"
    when = f"{words.moment(loop.since, now)} to {loop.until:%H:%M}"
    if loop.kind is LoopKind.RATE:
        what = f"the model was called {counted(loop.calls, 'time')} in a minute"
    else:
        what = f"{words.plain(loop.tool)} was called {counted(loop.calls, 'time')} with the same input"
    return f"Loop: {what} in {name} (…{words.plain(loop.session[-SHOWN_OF_ID:])}), {when}."


_SHOWN_WITHOUT_PRICE: Final = 5
_LONGEST_NAME: Final = 60


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _prices(view: View) -> Iterator[str]:
    """Yield what is to know of the amounts by a person's prices."""
    found = view.equivalents
    if found is None:
        return
    yield f"API-equiv. is what this would cost by your prices ({words.plain(from_home(found.file))}); USD is what OpenCode recorded."
    if found.without_price:
        names = [_short(words.plain(name)) or "(unknown)" for name in found.without_price]
        listed = ", ".join([*names[:_SHOWN_WITHOUT_PRICE], *(["…"] if len(names) > _SHOWN_WITHOUT_PRICE else [])])
        yield (
            f"{counted(len(names), 'model')} {'has' if len(names) == 1 else 'have'} no price, so a sum with + is too small: "
            f"{listed} ({counted(found.total.tokens, 'token')})."
        )


def _notes(view: View) -> Iterator[str]:
    if view.tools is not None:
        yield (
            "p50 and p95 are exact, over the calls that ended by themselves. Messages and tokens are those of the messages "
            "that made the calls: one that called two tools is in both rows."
        )
        if view.tools.servers:
            yield (
                "An MCP server is known by OpenCode's configuration, or by a tool's name such as mcp__server__tool. "
                "Other names are not guessed."
            )
    twice = overlap(view.totals)
    if twice and view.accounting == "recorded":
        yield (
            f"Totals are as OpenCode recorded them. {words.exact(twice)} of these tokens "
            f"{'is' if twice == 1 else 'are'} counted in two categories; --accounting disjoint counts each token once."
        )
    beside = view.total_of(view.unattributed)
    if beside:
        nusd = view.unattributed.cost_nusd
        cost = f" ({words.dollars(nusd)} USD)" if nusd else ""
        yield (
            f"{counted(beside, 'token')}{cost} {'is' if beside == 1 else 'are'} "
            "in OpenCode's totals of sessions only: titles, and model calls whose record is gone."
        )
    yield from _prices(view)
    if view.name == "projects":
        listed = sum(row.usage.sessions for row in view.rows) + (view.cut.usage.sessions if view.cut else 0)
        # Every other session is in one project only, so the difference comes from moved ones.
        if listed > view.totals.sessions:
            more = counted(listed - view.totals.sessions, "session")
            yield f"A session that moved to another project counts in both: the rows add up to {more} more than the total."
    if view.newest is not None:
        yield f"Newest message: {words.age(words.since(view.newest, view.now))} ago."
