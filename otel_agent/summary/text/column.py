"""A column of a table: how it writes its cells, and how it gives way when room is short."""

from collections.abc import Callable
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.ledger.answers import Usage
from otel_agent.model.project import from_home
from otel_agent.summary.text import words
from otel_agent.summary.view import GLOBAL, PeriodRow, ProjectRow, Row, SessionRow, View, outside_in

Kind = Literal["text", "path", "number"]
"""When room is short, a text loses its end and a path its beginning; a number loses nothing and is aligned right."""
Cell = Callable[[View, Any], str]
"""Writes a cell of a row; the row is of the kind that belongs to the view."""


_MARKS: Final = (" ▾", " ▴")


class Column(Struct, frozen=True):
    """One column of a table: how it writes a row's cell, and how it gives way when room is short."""

    title: str
    cell: Cell
    kind: Kind = "number"
    compact: Cell | None = None
    """Writes a shorter cell, for when there is no room for the exact one."""
    total: Callable[[View, Usage], str] | None = None
    """Writes the cell of the totals; ``None`` if a total would mean nothing."""
    compact_total: Callable[[View, Usage], str] | None = None
    optional: int = 0
    """0: always shown. Otherwise, a column with a higher number is left out sooner when room is short."""


def name_of(row: Row) -> str:
    """Return the name by which a person knows the row, safe to print."""
    if isinstance(row, SessionRow):
        # A title of spaces only would be an empty cell.
        return words.plain(row.title if row.title.strip() else row.key)
    if isinstance(row, ProjectRow):
        # The row of all that ran outside any project has no directory.
        return place(GLOBAL if row.key.startswith(GLOBAL) else row.key, row.directory)
    if isinstance(row, PeriodRow):
        return words.period(row.key, row.since)
    return words.plain(row.key) if row.key.strip() else "(unknown)"


def place(project: str, directory: str) -> str:
    """Return a project, or a directory outside any, with the home folder as ``~``, safe to print."""
    return words.plain(outside_in(from_home(directory)) if project == GLOBAL else from_home(project))


def number_column(title: str, number: Callable[[View, Usage], int], optional: int = 0) -> Column:
    """Return a column with a number of the row's usage, and its total."""
    return Column(
        title,
        lambda view, row: words.exact(number(view, row.usage)),
        compact=lambda view, row: words.compact(number(view, row.usage)),
        total=lambda view, usage: words.exact(number(view, usage)),
        compact_total=lambda view, usage: words.compact(number(view, usage)),
        optional=optional,
    )


def name_column(title: str, kind: Kind = "text") -> Column:
    """Return the column with the name of the row."""
    return Column(title, lambda _, row: name_of(row), kind)


def dotted(column: Column) -> Column:
    """Return the same column, but with a dot instead of 0 for a period without usage."""
    compact = column.compact or column.cell
    return replace(
        column,
        cell=lambda view, row: column.cell(view, row) if row.usage.is_any else words.NOTHING,
        compact=lambda view, row: compact(view, row) if row.usage.is_any else words.NOTHING,
    )


def left_out_at(column: Column, number: int) -> Column:
    """Return the same column, left out at another time when room is short (``Column.optional``)."""
    return replace(column, optional=number)


def marked(column: Column, mark: str) -> Column:
    """Return the column that rows are sorted by: its title says so, and it is never left out."""
    return replace(column, title=f"{column.title} {mark}", optional=0)


def is_marked(column: Column) -> bool:
    """Return True if the rows are sorted by this column."""
    return column.title.endswith(_MARKS)
