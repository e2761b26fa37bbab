"""Tables of things that are no rows of a view, such as messages and turns: they give way as a view's table does.

Without a width everything stays whole, as a pipe or a file wants it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from rich.cells import cell_len

from otel_agent.summary.text.column import Kind
from otel_agent.summary.text.widths import GAP, fit

_LEGIBLE: Final = 6
"""Leave out a column that is always shown rather than cut a text to less than this width."""
_FEWEST: Final = 2
"""So many columns are always shown."""


class Listed(Struct, frozen=True):
    """A column: its title, the texts of its rows, and how it gives way when room is short."""

    title: str
    texts: Sequence[str]
    kind: Kind = "text"
    short: Sequence[str] = ()
    """Shorter texts, for when not everything fits; none if there are no shorter ones."""
    narrowest: int = 14
    """Leave out a column rather than cut a text of this one to less than this width. A number is never cut …"""
    whole: bool = False
    """… nor is a text of this column, such as a time."""
    optional: int = 0
    """0: always shown. Otherwise, a column with a higher number is left out sooner."""

    def form(self, *, shortened: bool) -> Sequence[str]:
        """Return the texts, short ones if that is wanted and there are any."""
        return self.short if shortened and self.short else self.texts

    def widest(self, *, shortened: bool) -> int:
        """Return the width of the title or of the widest text."""
        return max(map(cell_len, (self.title, *self.form(shortened=shortened))))


def listed_lines(columns: Sequence[Listed], width: int | None) -> Iterator[str]:
    """Yield the line of titles, and a line for each row. No line is wider than ``width``.

    The order of concessions: texts are shortened, then cut; optional columns go; names are cut as short as it takes;
    at last the last columns go.
    """
    if width is None:
        yield from _lines(columns, [column.widest(shortened=False) for column in columns], shortened=False)
        return
    if sum(column.widest(shortened=False) for column in columns) + GAP * (len(columns) - 1) <= width:
        yield from listed_lines(columns, None)
        return
    for level in sorted({column.optional for column in columns}, reverse=True):
        kept = [column for column in columns if column.optional <= level]
        if least_width(kept) <= width:
            yield from _lines(kept, _widths(kept, width), shortened=True)
            return
    kept = [_narrower(column, _LEGIBLE) for column in columns if not column.optional]
    while least_width(kept) > width and len(kept) > _FEWEST:
        kept.pop()
    if least_width(kept) > width:
        kept = [_narrower(column, 1) for column in kept]
    yield from _lines(kept, _widths(kept, width), shortened=True)


def _narrower(column: Listed, most: int) -> Listed:
    return replace(column, narrowest=min(column.narrowest, most))


def _least_of(column: Listed) -> int:
    widest = column.widest(shortened=True)
    return widest if column.whole or column.kind == "number" else min(widest, column.narrowest)


def least_width(kept: Sequence[Listed]) -> int:
    """Return the width below which columns go, or names are cut to less than their narrowest."""
    return sum(map(_least_of, kept)) + GAP * (len(kept) - 1)


def _widths(kept: Sequence[Listed], width: int) -> list[int]:
    """Return the widths of the columns. Texts that are cut share what is left of ``width`` evenly."""
    widths = [_least_of(column) for column in kept]
    spare = width - sum(widths) - GAP * (len(kept) - 1)
    while spare > 0 and (cut := [n for n, column in enumerate(kept) if widths[n] < column.widest(shortened=True)]):
        for n in cut[:spare]:
            widths[n] += 1
        spare -= len(cut[:spare])
    return widths


def _lines(columns: Sequence[Listed], widths: Sequence[int], *, shortened: bool) -> Iterator[str]:
    rows = zip(*(column.form(shortened=shortened) for column in columns), strict=True)
    for texts in ([column.title for column in columns], *rows):
        cells = (fit(text, width, column.kind) for text, width, column in zip(texts, widths, columns, strict=True))
        yield (" " * GAP).join(cells).rstrip()
