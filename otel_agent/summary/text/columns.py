"""The columns of each view, in words: for tables on a terminal, in Markdown, and on the live screen."""

from collections.abc import Callable, Iterator
from typing import Final

from msgspec.structs import replace

from otel_agent.ledger.answers import NO_USAGE, Usage
from otel_agent.summary.prices import NO_EQUIVALENT, nanodollars
from otel_agent.summary.question import Sort
from otel_agent.summary.suggestions import SHOWN_OF_ID
from otel_agent.summary.text import words
from otel_agent.summary.text.column import (
    Cell,
    Column,
    dotted,
    left_out_at,
    marked,
    name_column,
    name_of,
    number_column,
    place,
)
from otel_agent.summary.view import (
    AgentRow,
    Row,
    SessionRow,
    ToolCalls,
    ToolRow,
    View,
    ViewName,
    cache_hit_ratio,
    shown,
)

_MOST_INDENTS: Final = 8
"""Deeper sub-agents are not indented further, so that their titles keep some room."""


def columns(view: View) -> tuple[Column, ...]:
    """Return the columns of a view, the row's name first. Columns that would be empty are left out."""
    empty: list[str] = []
    if not view.totals.cost_nusd:
        empty.append(_COST.title)
    if not any(isinstance(row, SessionRow) and row.usage != row.with_subagents for row in view.rows):
        empty.append(_ROLLED_UP.title)
    if not any(isinstance(row, AgentRow) and row.configured for row in view.rows):
        empty.append(_CONFIGURED.title)
    if not any(isinstance(row, ToolRow) and row.server for row in view.rows):
        empty.append(SERVER.title)
    shown = [column for column in _offered(view) if column.title not in empty]
    mark = "▴" if view.question.sort in ("first", "name") else "▾"
    return tuple(marked(column, mark) if column.title in _sorted_by(view) else column for column in shown)


def _offered(view: View) -> Iterator[Column]:
    priced = view.equivalents is not None
    for column in (*_COLUMNS[view.name], *_only_if_sorted_by(view)):
        if not priced:
            yield column
        elif column.title == _COST.title:
            # Whoever has prices looks for both amounts side by side. The recorded one is left out last.
            yield left_out_at(column, 0)
            yield left_out_at(_EQUIVALENT, 1 if view.totals.cost_nusd else 0)
        else:
            yield left_out_at(column, column.optional + 1) if column.optional else column
        if view.before is not None and column in (_TOKENS, _TOTAL):
            yield from (_DIFFERENCE, _CHANGE)


def _only_if_sorted_by(view: View) -> Iterator[Column]:
    """Yield the column that a view has only when it is asked to be sorted by it."""
    if view.question.sort == "first" and view.name in ("projects", "tools"):
        yield _FIRST
    if view.question.sort == "cost" and view.name == "tools":
        # As with its tokens: the rows do not add up to a total.
        yield replace(_COST, total=None)


def _sorted_by(view: View) -> tuple[str, ...]:
    """Return the titles under which a view may have the column that it was asked to be sorted by."""
    match view.question.sort:
        case "tokens":
            return _TOKENS.title, _TOTAL.title
        case "messages":
            return (_MESSAGES.title,)
        case "cost":
            return (_COST.title,)
        case "last" | "first" as time:
            return (time.title(),)
        case "calls" | "failed" as kind:
            return (kind.title(),)
        case "time":
            return ("p95",)
        case "name":
            return (_COLUMNS[view.name][0].title,)
        case None:
            return ()


def sort_of(view: View, title: str) -> Sort | None:
    """Return the order in which a column with this title shows the rows; ``None`` if there is none for it."""
    plain = title.rstrip(" ▾▴")
    if plain == _COLUMNS[view.name][0].title:
        return "first" if view.name == "timeline" else "name"
    return _SORTS.get(plain)


def sorts_of(view: View) -> tuple[Sort, ...]:
    """Return the orders that the columns of a view offer, from the left."""
    found = (sort_of(view, column.title) for column in columns(view))
    return tuple(dict.fromkeys(sort for sort in found if sort))


def _category_column(index: int) -> Column:
    return number_column(
        words.CATEGORIES[index], lambda view, usage: shown(usage, view.accounting).by_category()[index], 1
    )


_CATEGORIES: Final = tuple(_category_column(index) for index in range(len(words.CATEGORIES)))
_MESSAGES: Final = number_column("Messages", lambda _, usage: usage.messages)
_SESSIONS: Final = number_column("Sessions", lambda _, usage: usage.sessions)
_TOKENS: Final = number_column("Tokens", View.total_of)
_TOTAL: Final = number_column("Total", View.total_of)
_SHARE: Final = Column(
    "Share", lambda view, row: words.share(view.total_of(row.usage), view.total_of(view.totals)), optional=2
)
_COST: Final = Column(
    "USD",
    lambda view, row: words.dollars(row.usage.cost_nusd, view.totals.cost_nusd),
    total=lambda _, usage: words.dollars(usage.cost_nusd),
    optional=4,
)


_FIRST: Final = Column("First", lambda view, row: words.moment(row.first, view.now), optional=4)


def _equivalent(view: View, row: Row | None) -> str:
    """Return the amount by a person's prices; ``+`` after it if a part of the usage has no price."""
    if view.equivalents is None or (row is not None and not row.usage.is_any):
        return words.NOTHING
    found = view.equivalents.total if row is None else view.equivalents.rows.get(row.key, NO_EQUIVALENT)
    if found.tokens and not found.is_any:
        return "no price"
    whole = nanodollars(view.equivalents.total)
    return words.dollars(nanodollars(found), whole) + ("+" if found.tokens else "")


_EQUIVALENT: Final = Column("API-equiv.", _equivalent, total=lambda view, _: _equivalent(view, None))


def _then(view: View, row: Row | None) -> int:
    """Return the tokens of a row in the time before, of all rows for ``None``."""
    if view.before is None:
        return 0
    return view.total_of(view.before.totals if row is None else view.before.usage.get(row.key, NO_USAGE))


_DIFFERENCE: Final = Column(
    "Difference",
    lambda view, row: words.difference(view.total_of(row.usage), _then(view, row)),
    total=lambda view, usage: words.difference(view.total_of(usage), _then(view, None)),
    optional=2,
)
_CHANGE: Final = Column(
    "Change",
    lambda view, row: words.change(view.total_of(row.usage), _then(view, row)),
    total=lambda view, usage: words.change(view.total_of(usage), _then(view, None)),
)


def _rolled_up(write: Callable[[int], str]) -> Cell:
    """Return a cell with the usage of a session's whole subtree; empty if the session has no sub-agents."""
    return lambda view, row: write(view.total_of(row.with_subagents)) if row.usage != row.with_subagents else ""


_ROLLED_UP: Final = Column("Rolled up", _rolled_up(words.exact), compact=_rolled_up(words.compact), optional=1)
_CONFIGURED: Final = Column(
    "Configured model", lambda _, row: words.plain(row.configured) or words.NOTHING, "text", optional=1
)


def _per_message(view: View, usage: Usage) -> int:
    return round(view.total_of(usage) / usage.messages) if usage.messages else 0


def _title(_: View, row: SessionRow) -> str:
    return "  " * min(row.depth - 1, _MOST_INDENTS) + "↳ " + name_of(row) if row.depth else name_of(row)


def _calls_column(
    title: str, row: Callable[[ToolRow], int], total: Callable[[ToolCalls], int], optional: int = 0
) -> Column:
    return Column(
        title,
        lambda _, of: words.exact(row(of)),
        compact=lambda _, of: words.compact(row(of)),
        total=lambda view, _: words.exact(total(view.tools)) if view.tools else "",
        compact_total=lambda view, _: words.compact(total(view.tools)) if view.tools else "",
        optional=optional,
    )


SERVER: Final = Column("MCP server", lambda _, row: words.plain(row.server) or words.NOTHING, "text", optional=2)
TOOL_COLUMNS: Final = (
    _calls_column("Calls", lambda row: row.calls, lambda sums: sums.calls),
    _calls_column("Failed", lambda row: row.failed, lambda sums: sums.failed),
    Column(
        "Share failed",
        lambda _, row: words.share(row.failed, row.calls),
        total=lambda view, _: words.share(view.tools.failed, view.tools.calls) if view.tools else "",
    ),
    _calls_column("Aborted", lambda row: row.aborted, lambda sums: sums.aborted, optional=3),
    Column("p50", lambda _, row: words.took_ms(row.p50_ms)),
    Column("p95", lambda _, row: words.took_ms(row.p95_ms)),
    Column("Last", lambda view, row: words.moment(row.last, view.now), optional=4),
)
"""The facts of a tool or of a server. Times of several tools have no total that means anything."""


_COLUMNS: Final[dict[ViewName, tuple[Column, ...]]] = {
    "overview": (name_column("Model"), _MESSAGES, _TOKENS, left_out_at(_SHARE, 1), _COST),
    "models": (
        name_column("Model"),
        _MESSAGES,
        *_CATEGORIES,
        _TOTAL,
        _SHARE,
        Column(
            "Cache hits",
            lambda _, row: words.percent(cache_hit_ratio(row.usage)),
            total=lambda _, usage: words.percent(cache_hit_ratio(usage)),
        ),
        left_out_at(_COST, 3),
    ),
    "projects": (
        name_column("Project", "path"),
        _SESSIONS,
        _MESSAGES,
        _TOKENS,
        _SHARE,
        Column("Last", lambda view, row: words.moment(row.last, view.now), optional=3),
        _COST,
    ),
    "agents": (
        name_column("Agent"),
        _MESSAGES,
        _TOKENS,
        number_column("Per message", _per_message),
        _SHARE,
        _CONFIGURED,
        _COST,
    ),
    "sessions": (
        Column("Session", _title, "text"),
        Column("Id", lambda _, row: "…" + words.plain(row.key[-SHOWN_OF_ID:]), "text", optional=2),
        Column("Project", lambda _, row: place(row.project, row.directory), "path", optional=3),
        _MESSAGES,
        _TOKENS,
        _ROLLED_UP,
        _FIRST,
        Column("Last", lambda view, row: words.moment(row.last, view.now), optional=1),
        left_out_at(_COST, 5),
    ),
    "timeline": (
        name_column("Period"),
        *map(dotted, _CATEGORIES),
        dotted(_TOTAL),
        dotted(_MESSAGES),
        dotted(_COST),
    ),
    "tools": (
        name_column("Tool"),
        SERVER,
        *TOOL_COLUMNS,
        # A message can be in two rows, so the rows do not add up to a total.
        replace(_MESSAGES, total=None, compact_total=None, optional=5),
        replace(_TOKENS, total=None, compact_total=None, optional=6),
    ),
}
_SORTS: Final[dict[str, Sort]] = {
    _TOKENS.title: "tokens",
    _TOTAL.title: "tokens",
    _ROLLED_UP.title: "tokens",
    _MESSAGES.title: "messages",
    _COST.title: "cost",
    "First": "first",
    "Last": "last",
    "Calls": "calls",
    "Failed": "failed",
    "p95": "time",
}
"""The order that a column stands for."""
