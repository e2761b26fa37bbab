"""The widths of a table's columns: names are cut when room is short, numbers never are."""

from typing import Final

from msgspec import Struct
from rich.cells import cell_len, set_cell_size

from otel_agent.summary.text.captions import total_name
from otel_agent.summary.text.columns import Column, columns
from otel_agent.summary.view import Row, View

GAP: Final = 2
"""Blank columns between two cells."""
_COMFORTABLE: Final = 26
"""Leave out an optional column rather than cut a name to less than this width."""
_NARROWEST: Final = 14
"""Shorten the numbers rather than cut a name to less than this width."""
_BAR_NARROWEST: Final = 6
_BAR_WIDEST: Final = 20


class TableLayout(Struct, frozen=True):
    """A table's texts, each exactly as wide as its column."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[str, ...]
    bar: int
    """Width left for a bar; 0 if there is no room for one."""

    @property
    def head(self) -> str:
        """The line of column titles."""
        cells = zip(self.columns, self.widths, strict=True)
        return (" " * GAP).join(
            column.title.rjust(width) if column.kind == "number" else column.title.ljust(width)
            for column, width in cells
        )


def fit_table(view: View, width: int) -> TableLayout:
    """Fit a view's table into ``width`` columns, giving up as little as possible.

    The order of concessions: optional columns go first, then names are cut, then numbers are shortened. The last
    resort are the columns that are always shown, with names as short as it takes.
    """
    offered = columns(view)
    *levels, always = sorted({column.optional for column in offered}, reverse=True)
    tries = [(level, False, _COMFORTABLE) for level in levels]
    tries += [(levels[-1], False, _NARROWEST), *((level, True, _NARROWEST) for level in levels)]
    tries += [(always, False, _NARROWEST), (always, True, _NARROWEST)]
    # Each try gives up a little more than the one before; the first that fits wins.
    for level, shortened, narrowest in tries:
        table = _Candidate(view, _up_to(level, offered), shortened, narrowest)
        if table.least <= width:
            return table.fitted(width)
    return _Candidate(view, _up_to(always, offered), True, 1).fitted(width)


def _up_to(level: int, offered: tuple[Column, ...]) -> tuple[Column, ...]:
    return tuple(column for column in offered if column.optional <= level)


class _Candidate:
    """One choice of columns, with exact or shortened numbers."""

    def __init__(self, view: View, kept: tuple[Column, ...], shortened: bool, narrowest: int) -> None:
        self._kept, self._narrowest = kept, narrowest
        self._rows = [[_cell(column, view, row, shortened) for column in kept] for row in view.rows]
        self._totals = [total_name(view), *(_total(column, view, shortened) for column in kept[1:])]
        self._natural = [
            max(cell_len(text) for text in (column.title, *(row[index] for row in self._rows), self._totals[index]))
            for index, column in enumerate(kept)
        ]

    @property
    def least(self) -> int:
        """The width below which a number, or the least readable part of a name, would be cut."""
        return sum(self._least(index) for index in range(len(self._kept))) + GAP * (len(self._kept) - 1)

    def _least(self, index: int) -> int:
        natural = self._natural[index]
        return natural if self._kept[index].kind == "number" else min(natural, self._narrowest)

    def fitted(self, width: int) -> TableLayout:
        """Lay the texts out: names share the spare width evenly, and a bar gets the rest."""
        widths = [self._least(index) for index in range(len(self._kept))]
        spare = width - sum(widths) - GAP * (len(widths) - 1)
        names = [index for index, column in enumerate(self._kept) if column.kind != "number"]
        # Each round widens every name that is still cut by one column.
        while spare > 0 and (cut := [index for index in names if widths[index] < self._natural[index]]):
            for index in cut[:spare]:
                widths[index] += 1
            spare -= len(cut[:spare])
        bar = min(spare - GAP, _BAR_WIDEST)
        return TableLayout(
            self._kept,
            tuple(widths),
            tuple(self._fitted_texts(row, widths) for row in self._rows),
            self._fitted_texts(self._totals, widths),
            bar if bar >= _BAR_NARROWEST else 0,
        )

    def _fitted_texts(self, texts: list[str], widths: list[int]) -> tuple[str, ...]:
        return tuple(_fit(text, width, column) for text, width, column in zip(texts, widths, self._kept, strict=True))


def _cell(column: Column, view: View, row: Row, shortened: bool) -> str:
    return (column.compact if shortened and column.compact else column.cell)(view, row)


def _total(column: Column, view: View, shortened: bool) -> str:
    total = column.compact_total if shortened and column.compact_total else column.total
    return "" if total is None else total(view, view.totals)


def _fit(text: str, width: int, column: Column) -> str:
    """Pad or cut a text to exactly ``width``. A path keeps its end, because people know it by that."""
    if cell_len(text) <= width:
        return set_cell_size(" " * (width - cell_len(text)) + text if column.kind == "number" else text, width)
    if column.kind == "path":
        # Letters may be two columns wide, so the text is measured again after each cut.
        while cell_len(text) > width - 1:
            text = text[1:]
        return set_cell_size("…" + text, width)
    return set_cell_size(set_cell_size(text, width - 1).rstrip() + "…", width)
