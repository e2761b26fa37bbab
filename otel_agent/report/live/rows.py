"""The rows of a view as a table to move about in."""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from rich.text import Text
from textual.coordinate import Coordinate
from textual.message import Message
from textual.widgets import DataTable

from otel_agent.ledger.queries import NO_USAGE, Usage
from otel_agent.report.columns import name_of, total_of
from otel_agent.report.layout import GAP, Laid, laid_out
from otel_agent.report.tables import bar
from otel_agent.report.view import Row, SessionRow, View

_EDGES = 4
"""Columns beside the cells: a blank at each side, and the scroll bar."""


class _Line(Struct, frozen=True):
    key: str
    cells: tuple[str, ...]


class Rows(DataTable[Text]):
    """Keeps the cursor on its row, and draws only what changed."""

    class Chosen(Message):
        """Enter was pressed on a row."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, cursor_type="row", zebra_stripes=False, cell_padding=0)
        self._view: View[Any] | None = None
        self._of: dict[str, Row] = {}
        self._lines: list[_Line] = []
        self._heads: tuple[tuple[str, int], ...] = ()
        self._only = ""
        self._width = 0

    def show(self, view: View[Any], width: int) -> None:
        self._view, self._width = view, width
        self.loading = False
        kept = [row for row in view.rows if self._only in _searched(row)]
        self._of = {row.key: row for row in kept}
        laid = laid_out(replace(view, rows=kept), max(width - _EDGES, 1))
        lines = [_Line(row.key, cells) for row, cells in zip(kept, _cells(view, kept, laid), strict=True)]
        heads = _heads(laid)
        if heads == self._heads and [line.key for line in lines] == [line.key for line in self._lines]:
            self._update(lines)
        else:
            self._fill(heads, lines)
        self._heads, self._lines = heads, lines

    def only(self, text: str) -> None:
        """Leave only the rows that have this in their names; empty: all."""
        self._only = text.strip().lower()
        if self._view is not None:
            self.show(self._view, self._width)

    @property
    def kept(self) -> tuple[int, Usage]:
        """How many rows the filter leaves, and what they come to."""
        total = NO_USAGE
        for row in self._of.values():
            total = total.plus(row.usage)
        return len(self._of), total

    @property
    def is_filtered(self) -> bool:
        return bool(self._only)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        row = self._of.get(str(event.row_key.value))
        if row is not None:
            self.post_message(self.Chosen(row))

    def _update(self, lines: list[_Line]) -> None:
        for number, (line, before) in enumerate(zip(lines, self._lines, strict=True)):
            for index, text in enumerate(line.cells):
                if text != before.cells[index]:
                    self.update_cell_at(Coordinate(number, index), _shown(text, self._heads, index))

    def _fill(self, heads: tuple[tuple[str, int], ...], lines: list[_Line]) -> None:
        at = self._lines[self.cursor_row].key if self._lines and self.cursor_row < len(self._lines) else ""
        scroll = self.scroll_y
        if heads == self._heads:
            self.clear()
        else:
            self.clear(columns=True)
            for title, width in heads:
                self.add_column(Text(title, style="dim"), width=width)
        for line in lines:
            self.add_row(*(_shown(text, heads, index) for index, text in enumerate(line.cells)), key=line.key)
        found = next((number for number, line in enumerate(lines) if line.key == at), 0)
        self.move_cursor(row=found, animate=False, scroll=False)
        self.scroll_to(y=scroll, animate=False)


def _searched(row: Row) -> str:
    """What a filter looks at: everything a person may know the row by."""
    also = f" {row.key} {row.project}" if isinstance(row, SessionRow) else f" {row.key}"
    return (name_of(row) + also).lower()


def _heads(laid: Laid) -> tuple[tuple[str, int], ...]:
    told = zip(laid.columns, laid.widths, strict=True)
    heads = [(c.title.rjust(width) if c.kind == "number" else c.title, width + GAP) for c, width in told]
    return (*heads, ("", laid.bar)) if laid.bar else tuple(heads)


def _cells(view: View[Any], kept: list[Row], laid: Laid) -> list[tuple[str, ...]]:
    whole = max((total_of(view, row.usage) for row in view.rows), default=0)
    if not laid.bar:
        return list(laid.rows)
    shares = (total_of(view, row.usage) / whole if whole else 0.0 for row in kept)
    return [(*cells, bar(share, laid.bar)) for cells, share in zip(laid.rows, shares, strict=True)]


def _shown(text: str, heads: tuple[tuple[str, int], ...], index: int) -> Text:
    """As text: a string would be read as markup."""
    return Text(text, style="cyan" if index == len(heads) - 1 and not heads[index][0] else "", no_wrap=True)
