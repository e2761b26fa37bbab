"""The sentences around a view: what it is of, what was left out, and what one has to know of it."""

from collections.abc import Iterator
from typing import Any, Final

from otel_agent.summary.text import words
from otel_agent.summary.text.columns import total_of
from otel_agent.summary.view import View, ViewName, overlap

_TITLES: Final[dict[ViewName, str]] = {
    "overview": "Overview",
    "sessions": "Sessions",
    "projects": "Tokens by project",
    "models": "Tokens by model",
    "agents": "Tokens by agent",
    "timeline": "Tokens over time",
}


def title_of(view: View[Any]) -> str:
    return f"{_TITLES[view.name]}, {words.range_in_words(view.range)}"


def nothing_in(view: View[Any]) -> str:
    """What to say where a view has no rows."""
    if view.range.name == "all":
        return "No completed messages match."
    return f"No completed messages {words.in_range(view.range)}; --range all shows all there are."


def cut_line(view: View[Any]) -> str:
    """What the limit left out; empty where nothing."""
    if view.cut is None:
        return ""
    return f"… and {words.exact(view.cut.rows)} more, {words.counted(total_of(view, view.cut.usage), 'token')}"


def footnotes(view: View[Any]) -> list[str]:
    """The warnings first."""
    return [*(f"Warning: {words.plain(each)}" for each in view.warnings), *_notes(view), *map(words.plain, view.hints)]


def _notes(view: View[Any]) -> Iterator[str]:
    twice = overlap(view.totals)
    if twice and view.accounting == "recorded":
        yield (
            f"Totals are as OpenCode recorded them; {words.exact(twice)} of these tokens stand in two categories "
            "(--accounting disjoint leaves them out once)."
        )
    if view.name == "projects":
        stated = sum(row.usage.sessions for row in view.rows) + (view.cut.usage.sessions if view.cut else 0)
        if stated > view.totals.sessions:
            more = words.exact(stated - view.totals.sessions)
            yield f"Sessions that moved between projects stand in each of them: {more} more in the rows than in the total."
    if view.newest is not None:
        yield f"Newest message: {words.age(words.since(view.newest, view.now))} ago."
