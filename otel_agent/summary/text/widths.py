"""How wide each column of a table may be: numbers are never cut, names are."""

from typing import Any, Final

from msgspec import Struct
from rich.cells import cell_len, set_cell_size

from otel_agent.summary.text.columns import Column, columns
from otel_agent.summary.view import View

GAP: Final = 2
_COMFORTABLE: Final = 26
"""Width of a name that is longer, for which a column that can be done without is left out."""
_NARROWEST: Final = 14
"""Width of a name that is longer at which numbers are shortened instead."""
_BAR_NARROWEST: Final = 6
_BAR_WIDEST: Final = 20


class Laid(Struct, frozen=True):
    """A table's texts, each as wide as its column."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[str, ...]
    bar: int
    """Width left for a bar; 0 where there is no room for one."""


def laid_out(view: View[Any], width: int) -> Laid:
    """The most that fits: all columns, fewer columns, names that are cut short, shortened numbers, only the total."""
    offered = columns(view)
    *levels, least = sorted({column.optional for column in offered}, reverse=True)
    tries = [(level, False, _COMFORTABLE) for level in levels]
    tries += [(levels[-1], False, _NARROWEST), *((level, True, _NARROWEST) for level in levels)]
    tries += [(least, False, _NARROWEST), (least, True, _NARROWEST)]
    for level, shortened, narrowest in tries:
        table = _Table(view, _up_to(level, offered), shortened, narrowest)
        if table.least <= width:
            return table.fitted(width)
    return _Table(view, _up_to(least, offered), True, 1).fitted(width)


def _up_to(level: int, offered: tuple[Column, ...]) -> tuple[Column, ...]:
    return tuple(column for column in offered if column.optional <= level)


class _Table:
    def __init__(self, view: View[Any], kept: tuple[Column, ...], shortened: bool, narrowest: int) -> None:
        self._kept, self._narrowest = kept, narrowest
        self._rows = [[_cell(column, view, row, shortened) for column in kept] for row in view.rows]
        self._totals = ["Total", *(_total(column, view, shortened) for column in kept[1:])]
        self._natural = [
            max(cell_len(text) for text in (column.title, *(row[index] for row in self._rows), self._totals[index]))
            for index, column in enumerate(kept)
        ]

    @property
    def least(self) -> int:
        """The width below which a number, or what one has to see of a name, would be cut."""
        return sum(self._least(index) for index in range(len(self._kept))) + GAP * (len(self._kept) - 1)

    def _least(self, index: int) -> int:
        natural = self._natural[index]
        return natural if self._kept[index].kind == "number" else min(natural, self._narrowest)

    def fitted(self, width: int) -> Laid:
        widths = [self._least(index) for index in range(len(self._kept))]
        spare = width - sum(widths) - GAP * (len(widths) - 1)
        names = [index for index, column in enumerate(self._kept) if column.kind != "number"]
        while spare > 0 and (short := [index for index in names if widths[index] < self._natural[index]]):
            for index in short[:spare]:
                widths[index] += 1
            spare -= len(short[:spare])
        bar = min(spare - GAP, _BAR_WIDEST)
        return Laid(
            self._kept,
            tuple(widths),
            tuple(tuple(_fit(text, widths[i], self._kept[i]) for i, text in enumerate(row)) for row in self._rows),
            tuple(_fit(text, widths[i], self._kept[i]) for i, text in enumerate(self._totals)),
            bar if bar >= _BAR_NARROWEST else 0,
        )


def _cell(column: Column, view: View[Any], row: Any, shortened: bool) -> str:
    return (column.compact if shortened and column.compact else column.cell)(view, row)


def _total(column: Column, view: View[Any], shortened: bool) -> str:
    total = column.compact_total if shortened and column.compact_total else column.total
    return "" if total is None else total(view, view.totals)


def _fit(text: str, width: int, column: Column) -> str:
    """Exactly so wide. A path keeps its end, by which people know it."""
    if cell_len(text) <= width:
        return set_cell_size(" " * (width - cell_len(text)) + text if column.kind == "number" else text, width)
    if column.kind == "path":
        while cell_len(text) > width - 1:
            text = text[1:]
        return set_cell_size("…" + text, width)
    return set_cell_size(set_cell_size(text, width - 1).rstrip() + "…", width)
