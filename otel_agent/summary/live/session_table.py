"""A table of a session that is moved about in. It can be wider than the screen, and shows where it is cut."""

from collections.abc import Iterator
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widgets import DataTable

CUT: Final = "…"
"""Stands where something goes on that is not on the screen."""


class Rows(DataTable[Text], inherit_bindings=False):
    """A table to move about in with the keys that move in the lists of the other views."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_up", "Up", show=False),
        Binding("down,j", "cursor_down", "Down", show=False),
        Binding("left,h", "cursor_left", "Left", show=False),
        Binding("right,l", "cursor_right", "Right", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("home,g", "scroll_top", "First", show=False),
        Binding("end,G", "scroll_bottom", "Last", show=False),
        Binding("enter", "select_cursor", "Open", show=False),
    ]

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen. A side on which a text goes on has a ``…``, and no part of a number."""
        begin = self.scroll_offset.x
        end = begin + self.size.width
        places = list(self._places(y))
        left = int(any(first < begin for _, first, _ in places))
        right = int(any(last > end for _, _, last in places))
        # A number beside a mark would look as if it went on, so it goes, too.
        touched = [(first, last) for text, first, last in places if text.justify == "right"]
        left = max(left, *(last - begin for first, last in touched if left and first <= begin + 1 <= last), 0)
        right = max(right, *(end - first for first, last in touched if right and first < end <= last + 1), 0)
        return _cut(super().render_line(y), left, right)

    def _places(self, y: int) -> Iterator[tuple[Text, int, int]]:
        """Yield the texts of a line of the screen that are not empty, each with its first column and that after it."""
        at, row = 0, y - self.header_height + round(self.scroll_offset.y)
        if y >= self.header_height and row >= self.row_count:
            return
        cells = [column.label for column in self.ordered_columns] if y < self.header_height else self.get_row_at(row)
        for column, text in zip(self.ordered_columns, cells, strict=True):
            width = column.get_render_width(self)
            room, length = width - 2 * self.cell_padding, cell_len(text.plain.strip())
            # The name of a tool is indented below its model.
            indent = cell_len(text.plain) - cell_len(text.plain.lstrip())
            first = at + self.cell_padding + (room - length if text.justify == "right" else indent)
            if length:
                yield text, first, first + length
            at += width


def _cut(strip: Strip, left: int, right: int) -> Strip:
    """Return the line with so many columns of each side replaced by blanks and ``CUT``, which is outermost."""
    width = strip.cell_length
    parts = [strip.crop(min(left, width), max(width - right, 0))]
    if left:
        parts.insert(0, Strip([Segment(f"{CUT}{' ' * (left - 1)}", _style(strip.crop(0, 1)))]))
    if right:
        parts.append(Strip([Segment(f"{' ' * (right - 1)}{CUT}", _style(strip.crop(width - 1, width)))]))
    return Strip.join(parts).adjust_cell_length(width)


def _style(strip: Strip) -> Style | None:
    return next((segment.style for segment in strip), None)
