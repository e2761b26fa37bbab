"""The rows of a view that a filter leaves, laid out for a width, and which of their cells changed."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.summary.question import Sort
from otel_agent.summary.text.bars import whole_of
from otel_agent.summary.text.column import name_of
from otel_agent.summary.text.columns import sort_of
from otel_agent.summary.text.widths import GAP, TableLayout, fit_table
from otel_agent.summary.view import Row, SessionRow, View

_EDGES: Final = 6
"""Columns beside the cells: the frame and a blank on each side, and the scroll bar."""


class Listing(Struct, frozen=True):
    """The rows of a view that a filter leaves, laid out for a width."""

    view: View
    rows: tuple[Row, ...]
    layout: TableLayout
    only: str
    """The text that the filter looks for, in lower case; empty without a filter."""
    whole: int
    """Tokens that a bar of full width stands for; 0 without bars."""
    screen_width: int
    """Columns of the screen for which it was laid out."""

    def sort_at(self, x: int) -> Sort | None:
        """Return the order that the column at a place of the line stands for; ``None`` if there is none."""
        end = 0
        for column, width in zip(self.layout.columns, self.layout.widths, strict=True):
            end += width + GAP
            if x < end:
                return sort_of(self.view, column.title)
        return None


def list_rows(view: View, width: int, only: str = "") -> Listing:
    """Lay out the rows that contain a text, ignoring case, for a screen so many columns wide.

    Four thousand rows take a tenth of a second: call it outside the screen's own thread if you can.
    """
    wanted = only.strip().lower()
    kept = tuple(row for row in view.rows if wanted in _searched(row)) if wanted else tuple(view.rows)
    layout = fit_table(replace(view, rows=kept), max(width - _EDGES, 1))
    return Listing(view, kept, layout, wanted, whole_of(view), width)


class Before:
    """The rows as they were, to find the cells that changed."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._index = {row.key: number for number, row in enumerate(listing.rows)}

    def changed(self, now: Listing, index: int) -> Iterator[bool]:
        """Yield for each column whether the cell of a row is another than before. All cells of a new row are."""
        row, was = now.rows[index], self._index.get(now.rows[index].key)
        if was is not None and self._listing.rows[was].usage == row.usage:
            yield from (False for _ in now.layout.columns)
            return
        texts = {} if was is None else self._texts(was)
        for column, cells in zip(now.layout.columns, now.layout.texts, strict=True):
            yield texts.get(column.title) != cells[index]

    def _texts(self, index: int) -> dict[str, str]:
        """Return the cells of a row as they were, by the titles of their columns."""
        layout = self._listing.layout
        return {column.title: cells[index] for column, cells in zip(layout.columns, layout.texts, strict=True)}


def before(then: Listing | None, now: Listing) -> Before | None:
    """Return the rows as they were; ``None`` if nothing changed, or if another question was asked then."""
    if then is None or then.only != now.only or then.view.name != now.view.name:
        return None
    asked, asks = then.view.question, now.view.question
    # The end of a range moves with the clock, and a new day is another question.
    same = replace(asked, range=replace(asked.range, until=asks.range.until)) == asks
    return Before(then) if same and then.rows != now.rows else None


def is_as_shown(then: View | None, now: View) -> bool:
    """Return True if an answer says nothing that is not on the screen already, except how long ago something was."""
    if then is None or then.now.date() != now.now.date():
        return False
    # The end of a range moves with the clock.
    range_ = replace(now.range, until=then.range.until)
    return replace(now, now=then.now, question=replace(now.question, range=range_)) == then


def _searched(row: Row) -> str:
    """Return everything a person may know the row by, in lower case."""
    also = f" {row.key} {row.project} {row.directory}" if isinstance(row, SessionRow) else f" {row.key}"
    return (name_of(row) + also).lower()
