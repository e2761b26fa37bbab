"""The sentences around a view: its title, what a limit left out, and what a reader should know."""

from collections.abc import Collection, Iterator
from typing import Final

from otel_agent.ledger.answers import UNATTRIBUTED
from otel_agent.model.plural import counted
from otel_agent.model.project import from_home
from otel_agent.summary.question import Question
from otel_agent.summary.text import words
from otel_agent.summary.text.loop_words import loop_lines
from otel_agent.summary.view import SessionRow, ToolRow, View, ViewName, overlap

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


def warned(view: View) -> int:
    """Return how many of the footnotes, the first ones, are as important as a warning. Those of loops are."""
    return len(view.warnings) + len(loop_lines(view))


def footnotes(view: View, columns: Collection[str] | None = None) -> list[str]:
    """Return the sentences below a view: warnings first, then notes on the numbers, then hints.

    ``columns`` are the titles of those that are shown, ``None`` for all. What is said of others is left out.
    """
    warnings = [f"Warning: {words.plain(warning)}" for warning in view.warnings]
    return [
        *warnings,
        *loop_lines(view),
        *_notes(view, columns),
        *map(words.plain, view.hints),
    ]


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
        models = [name for name in found.without_price if name != UNATTRIBUTED]
        names = [_short(words.plain(name)) or "(unknown)" for name in models]
        listed = ", ".join([*names[:_SHOWN_WITHOUT_PRICE], *(["…"] if len(names) > _SHOWN_WITHOUT_PRICE else [])])
        # The usage that only totals know is in the tables as a row of models, but nobody knows its model.
        beside = [f'"{UNATTRIBUTED}"'] if UNATTRIBUTED in found.without_price else []
        who = " and ".join([*([counted(len(models), "model")] if models else []), *beside])
        have = "has" if len(found.without_price) == 1 or not models else "have"
        yield (
            f"{who} {have} no price, so a sum with + is too small{f': {listed}' if models else ''} "
            f"({counted(found.total.tokens, 'token')})."
        )


def _notes(view: View, columns: Collection[str] | None) -> Iterator[str]:
    def are_shown(*titles: str) -> bool:
        # The title of the column that rows are sorted by has a mark after it.
        return columns is None or any(title.rstrip(" ▾▴") in titles for title in columns)

    if view.tools is not None:
        notes = []
        # The servers have times too.
        if are_shown("p50", "p95") or view.tools.servers:
            notes.append("p50 and p95 are exact, over the calls that ended by themselves.")
        if are_shown("Messages", "Tokens", "USD"):
            notes.append(
                "Messages and tokens are those of the messages that made the calls: one that called two tools is in both rows."
            )
        if notes:
            yield " ".join(notes)
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
    if are_shown("API-equiv."):
        yield from _prices(view)
    if view.name == "projects":
        listed = sum(row.usage.sessions for row in view.rows) + (view.cut.usage.sessions if view.cut else 0)
        # Every other session is in one project only, so the difference comes from moved ones.
        if listed > view.totals.sessions:
            more = counted(listed - view.totals.sessions, "session")
            yield f"A session that moved to another project counts in both: the rows add up to {more} more than the total."
    if view.newest is not None:
        yield f"Newest message: {words.age(words.since(view.newest, view.now))} ago."
