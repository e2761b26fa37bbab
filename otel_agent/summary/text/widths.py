"""The widths of a table's columns: names are cut when room is short, numbers never are."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct
from rich.cells import cell_len, set_cell_size

from otel_agent.summary.text.captions import total_name
from otel_agent.summary.text.column import Column, Kind, is_marked
from otel_agent.summary.text.columns import columns
from otel_agent.summary.view import GLOBAL, View

GAP: Final = 2
"""Blank columns between two cells."""
_COMFORTABLE: Final = 26
"""Leave out a column, or shorten the numbers, rather than cut a name to less than this width."""
_NARROWEST: Final = 14
"""Shorten even the numbers that are always shown rather than cut a name to less than this width."""
_LEGIBLE: Final = 6
"""Leave out a column that is always shown rather than cut a name to less than this width."""
_FEWEST: Final = 2
"""A name and a number are always shown."""
_FEWEST_OF_PLACE: Final = 4
"""With less room than this beside it, the word that a directory is outside any project goes too."""
_SIGNS: Final = "…↳·"
"""Signs of our own that are one column wide."""
_BAR_NARROWEST: Final = 6
_BAR_WIDEST: Final = 20


class TableLayout(Struct, frozen=True):
    """A table's texts, each exactly as wide as its column."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    texts: tuple[Sequence[str], ...]
    """The texts of the rows, column by column, not yet padded or cut: a live screen shows thirty rows of thousands."""
    totals: tuple[str, ...]
    bar: int
    """Width left for a bar; 0 if there is no room for one."""

    @property
    def rows(self) -> Iterator[tuple[str, ...]]:
        """The texts of each row, from the top."""
        return map(self._fitted, zip(*self.texts, strict=True))

    def row(self, index: int) -> tuple[str, ...]:
        """Return the texts of one row."""
        return self._fitted(tuple(texts[index] for texts in self.texts))

    def _fitted(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        return _fitted(texts, self.widths, self.columns)

    @property
    def head(self) -> str:
        """The line of column titles."""
        cells = zip(self.columns, self.widths, strict=True)
        return (" " * GAP).join(
            column.title.rjust(width) if column.kind == "number" else beginning_of(column.title, width)
            for column, width in cells
        )


def fit_table(view: View, width: int) -> TableLayout:
    """Fit a view's table into ``width`` columns, giving up as little as possible.

    The order of concessions: optional columns go first, then numbers are shortened. Then only the columns are left that
    are always shown; at last, names are as short as it takes, and the last columns go.
    """
    offered = columns(view)
    *levels, always = sorted({column.optional for column in offered}, reverse=True)
    # A timeline is there for its bars: they say more than categories in short numbers.
    forms = (False,) if view.name == "timeline" else (False, True)
    tries = [(level, shortened, _COMFORTABLE) for shortened in forms for level in levels]
    tries += [(always, shortened, narrowest) for narrowest in (_COMFORTABLE, _NARROWEST) for shortened in (False, True)]
    cells = _Cells(view)
    # Each try gives up a little more than the one before; the first that fits wins.
    for level, shortened, narrowest in tries:
        table = _Candidate(cells, _up_to(level, offered), shortened, narrowest)
        if table.least <= width:
            return table.fitted(width)
    kept = _up_to(always, offered)
    # On the narrowest screens a column goes, too, rather than a part of a number.
    while (table := _Candidate(cells, kept, True, _LEGIBLE)).least > width and len(kept) > _FEWEST:
        kept = _without_last(kept)
    return (table if table.least <= width else _Candidate(cells, kept, True, 1)).fitted(width)


def _without_last(kept: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return the columns without the last one, which is the one before it if the rows are sorted by the last."""
    return (*kept[:-2], kept[-1]) if is_marked(kept[-1]) and len(kept) > _FEWEST else kept[:-1]


def _up_to(level: int, offered: tuple[Column, ...]) -> tuple[Column, ...]:
    return tuple(column for column in offered if column.optional <= level)


class _Texts(Struct, frozen=True):
    """The texts of one column."""

    rows: Sequence[str]
    total: str
    widest: int


class _Cells:
    """The texts of a view's columns. Each is written once, however many choices of columns are tried: with 4,000 rows
    that takes a fourth of the time."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._written: dict[tuple[str, bool], _Texts] = {}

    def of(self, column: Column, *, shortened: bool, first: bool) -> _Texts:
        """Return the texts of a column. The total of the ``first`` one is its name."""
        key = column.title, shortened
        if key not in self._written:
            cell = column.compact if shortened and column.compact else column.cell
            rows = [cell(self._view, row) for row in self._view.rows]
            total = total_name(self._view) if first else _total(column, self._view, shortened)
            self._written[key] = _Texts(rows, total, _widest((column.title, *rows, total)))
        return self._written[key]


class _Candidate:
    """One choice of columns, with exact or shortened numbers."""

    def __init__(self, cells: _Cells, kept: tuple[Column, ...], shortened: bool, narrowest: int) -> None:
        self._kept, self._narrowest = kept, narrowest
        self._texts = [cells.of(column, shortened=shortened, first=index == 0) for index, column in enumerate(kept)]

    @property
    def least(self) -> int:
        """The width below which a number, or the least readable part of a name, would be cut."""
        return sum(self._least(index) for index in range(len(self._kept))) + GAP * (len(self._kept) - 1)

    def _least(self, index: int) -> int:
        natural = self._texts[index].widest
        return natural if self._kept[index].kind == "number" else min(natural, self._narrowest)

    def fitted(self, width: int) -> TableLayout:
        """Lay the texts out: names share the spare width evenly, and a bar gets the rest."""
        widths = [self._least(index) for index in range(len(self._kept))]
        spare = width - sum(widths) - GAP * (len(widths) - 1)
        names = [index for index, column in enumerate(self._kept) if column.kind != "number"]
        # Each round widens every name that is still cut by one column.
        while spare > 0 and (cut := [index for index in names if widths[index] < self._texts[index].widest]):
            for index in cut[:spare]:
                widths[index] += 1
            spare -= len(cut[:spare])
        bar = min(spare - GAP, _BAR_WIDEST)
        return TableLayout(
            self._kept,
            tuple(widths),
            tuple(texts.rows for texts in self._texts),
            _fitted([texts.total for texts in self._texts], widths, self._kept),
            bar if bar >= _BAR_NARROWEST else 0,
        )


def _widest(texts: Sequence[str]) -> int:
    """Return the columns of the widest of some texts, which are printable."""
    together = "".join(texts)
    for sign in _SIGNS:
        together = together.replace(sign, "")
    # Asked once for all of them: with 6,000 rows that takes a fourth of the time.
    return max(map(len if together.isascii() else _width, texts))


def _width(text: str) -> int:
    """Return the columns of a text that is printable."""
    return len(text) if text.isascii() else cell_len(text)


def _total(column: Column, view: View, shortened: bool) -> str:
    total = column.compact_total if shortened and column.compact_total else column.total
    return "" if total is None else total(view, view.totals)


def _fitted(texts: Sequence[str], widths: Sequence[int], kept: tuple[Column, ...]) -> tuple[str, ...]:
    return tuple(fit(text, width, column.kind) for text, width, column in zip(texts, widths, kept, strict=True))


def fit(text: str, width: int, kind: Kind) -> str:
    """Pad or cut a text to exactly ``width``. A path keeps its end, because people know it by that."""
    room = width - _width(text)
    if room >= 0:
        return " " * room + text if kind == "number" else text + " " * room
    if kind == "path":
        return set_cell_size(end_of_place(text, width), width)
    return beginning_of(text, width)


def beginning_of(text: str, width: int) -> str:
    """Return the text in exactly ``width`` columns: padded, or cut at its end."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(set_cell_size(text, width - 1).rstrip() + "…", width)


def end_of_place(text: str, width: int) -> str:
    """Return as much of a directory's end as fits into ``width`` columns. That it is outside any project stays, if it can."""
    outside = f"{GLOBAL} "
    room = width - len(outside)
    if text.startswith(outside) and room >= _FEWEST_OF_PLACE:
        return outside + end_of(text.removeprefix(outside), room)
    return end_of(text, width)


def end_of(text: str, width: int) -> str:
    """Return the text if it fits into ``width`` columns, else as much of its end as does."""
    if cell_len(text) <= width:
        return text
    # Letters may be two columns wide, so the text is measured again after each cut.
    while cell_len(text) > width - 1:
        text = text[1:]
    return "…" + text
