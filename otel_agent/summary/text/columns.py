"""What each view shows of a row, in words: for tables on a terminal, in Markdown, and on the live screen."""

from collections.abc import Callable
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.ledger.answers import Usage
from otel_agent.model.project import from_home
from otel_agent.summary.text import words
from otel_agent.summary.view import (
    ProjectRow,
    Row,
    SessionRow,
    View,
    ViewName,
    cache_hit_ratio,
    shown,
)

_ID_END: Final = 8
"""Letters at the end of a session's id that tell it from others, as in ``--session '*ZFCqu8kr'``; JSON has the whole."""

Kind = Literal["text", "path", "number"]
"""Text gives way to numbers and loses its end, a path its beginning; a number stands at the right and loses nothing."""


class Column(Struct, frozen=True):
    title: str
    cell: Callable[[View[Any], Any], str]
    kind: Kind = "number"
    compact: Callable[[View[Any], Any], str] | None = None
    """The cell where there is no room for the exact one."""
    total: Callable[[View[Any], Usage], str] | None = None
    """The same of the totals; ``None`` where a total says nothing."""
    compact_total: Callable[[View[Any], Usage], str] | None = None
    optional: int = 0
    """0: always shown; else the higher, the sooner it is left out where there is no room."""


def columns(view: View[Any]) -> tuple[Column, ...]:
    """The columns of a view, the name of a row first. Those that would be empty are left out."""
    empty = []
    if not view.totals.cost_nusd:
        empty.append(_COST.title)
    if view.name == "sessions" and all(row.usage == row.with_subagents for row in view.rows):
        empty.append(_ROLLED_UP.title)
    if view.name == "agents" and not any(row.configured for row in view.rows):
        empty.append(_CONFIGURED.title)
    return tuple(column for column in _COLUMNS[view.name] if column.title not in empty)


def name_of(row: Row) -> str:
    """By what a person knows the row."""
    if isinstance(row, SessionRow):
        return words.plain(row.title or row.key)
    if isinstance(row, ProjectRow):
        return words.plain(from_home(row.key))
    return words.plain(row.key) or "(unknown)"


def total_of(view: View[Any], usage: Usage) -> int:
    return shown(usage, view.accounting).total


def _of_usage(title: str, number: Callable[[View[Any], Usage], int], optional: int = 0) -> Column:
    return Column(
        title,
        lambda view, row: words.exact(number(view, row.usage)),
        compact=lambda view, row: words.compact(number(view, row.usage)),
        total=lambda view, usage: words.exact(number(view, usage)),
        compact_total=lambda view, usage: words.compact(number(view, usage)),
        optional=optional,
    )


def _category(index: int) -> Column:
    return _of_usage(words.CATEGORIES[index], lambda view, usage: shown(usage, view.accounting).by_category()[index], 1)


def _named(title: str, kind: Kind = "text") -> Column:
    return Column(title, lambda _, row: name_of(row), kind)


_CATEGORIES: Final = tuple(_category(index) for index in range(len(words.CATEGORIES)))
_MESSAGES: Final = _of_usage("Messages", lambda _, usage: usage.messages)
_SESSIONS: Final = _of_usage("Sessions", lambda _, usage: usage.sessions)
_TOKENS: Final = _of_usage("Tokens", total_of)
_TOTAL: Final = _of_usage("Total", total_of)
_SHARE: Final = Column(
    "Share", lambda view, row: words.share(total_of(view, row.usage), total_of(view, view.totals)), optional=2
)
_COST: Final = Column(
    "USD",
    lambda _, row: words.dollars(row.usage.cost_nusd),
    total=lambda _, usage: words.dollars(usage.cost_nusd),
    optional=4,
)
_ROLLED_UP: Final = Column(
    "Rolled up",
    lambda view, row: words.exact(total_of(view, row.with_subagents)) if row.usage != row.with_subagents else "",
    compact=lambda view, row: (
        words.compact(total_of(view, row.with_subagents)) if row.usage != row.with_subagents else ""
    ),
    optional=1,
)


_CONFIGURED: Final = Column(
    "Configured model", lambda _, row: words.plain(row.configured) or words.NOTHING, "text", optional=1
)


def _per_message(view: View[Any], usage: Usage) -> int:
    return round(total_of(view, usage) / usage.messages) if usage.messages else 0


def _title(_: View[Any], row: SessionRow) -> str:
    return "  " * min(row.depth - 1, 8) + "↳ " + name_of(row) if row.depth else name_of(row)


def _used(column: Column) -> Column:
    """The same, but a period without use is shown as such, and not as a row of zeros."""
    compact = column.compact or column.cell
    return replace(
        column,
        cell=lambda view, row: column.cell(view, row) if row.usage.messages else words.NOTHING,
        compact=lambda view, row: compact(view, row) if row.usage.messages else words.NOTHING,
    )


def _optional(column: Column, optional: int) -> Column:
    return replace(column, optional=optional)


_COLUMNS: Final[dict[ViewName, tuple[Column, ...]]] = {
    "overview": (_named("Model"), _MESSAGES, _TOKENS, _optional(_SHARE, 1), _COST),
    "models": (
        _named("Model"),
        _optional(_MESSAGES, 2),
        *_CATEGORIES,
        _TOTAL,
        _SHARE,
        Column(
            "Cache hits",
            lambda _, row: words.percent(cache_hit_ratio(row.usage)),
            total=lambda _, usage: words.percent(cache_hit_ratio(usage)),
            optional=3,
        ),
        _COST,
    ),
    "projects": (
        _named("Project", "path"),
        _SESSIONS,
        _MESSAGES,
        _TOKENS,
        _SHARE,
        Column("Last", lambda view, row: words.moment(row.last, view.now), optional=3),
        _COST,
    ),
    "agents": (
        _named("Agent"),
        _MESSAGES,
        _TOKENS,
        _of_usage("Per message", _per_message),
        _SHARE,
        _CONFIGURED,
        _COST,
    ),
    "sessions": (
        Column("Session", _title, "text"),
        Column("Id", lambda _, row: "…" + words.plain(row.key[-_ID_END:]), "text", optional=2),
        Column("Project", lambda _, row: words.plain(from_home(row.project)), "path", optional=3),
        _MESSAGES,
        _TOKENS,
        _ROLLED_UP,
        Column("First", lambda view, row: words.moment(row.first, view.now), optional=4),
        Column("Last", lambda view, row: words.moment(row.last, view.now), optional=1),
        _optional(_COST, 5),
    ),
    "timeline": (
        _named("Period"),
        *map(_used, _CATEGORIES),
        _used(_TOTAL),
        _used(_optional(_MESSAGES, 2)),
        _used(_COST),
    ),
}
