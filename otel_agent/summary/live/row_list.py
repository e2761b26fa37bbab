"""The rows of a view as a table to move about in.

Only the visible lines are drawn, so that four thousand rows cost no more than twenty.
"""

from typing import ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace
from rich.text import Text
from textual.binding import BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from otel_agent.ledger.answers import NO_USAGE, Usage
from otel_agent.model.plural import counted
from otel_agent.summary.live.keys import ROW_KEYS
from otel_agent.summary.question import Sort
from otel_agent.summary.text.bars import bar, whole_of
from otel_agent.summary.text.columns import name_of, sort_of
from otel_agent.summary.text.widths import GAP, TableLayout, fit_table
from otel_agent.summary.view import Row, SessionRow, View, ViewName

_TITLES: Final[dict[ViewName, str]] = {
    "overview": "Models",
    "sessions": "Sessions",
    "projects": "Projects",
    "models": "Models",
    "agents": "Agents",
    "timeline": "Timeline",
    "tools": "Tools",
}
"""What the rows of a view are."""
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


def list_rows(view: View, width: int, only: str = "") -> Listing:
    """Lay out the rows that contain a text, ignoring case, for a screen so many columns wide.

    Four thousand rows take a tenth of a second: call it outside the screen's own thread if you can.
    """
    wanted = only.strip().lower()
    kept = tuple(row for row in view.rows if wanted in _searched(row))
    return Listing(view, kept, fit_table(replace(view, rows=kept), max(width - _EDGES, 1)), wanted, whole_of(view))


class RowList(ScrollView, can_focus=True):
    """A list with a cursor, which stays on its row when rows appear above it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor", "rows--head"}
    DEFAULT_CSS = """
    RowList > .rows--cursor { background: $primary; color: $text; }
    RowList > .rows--head { text-style: dim; }
    """
    BINDINGS: ClassVar[list[BindingType]] = ROW_KEYS
    cursor = reactive(0)

    class Chosen(Message):
        """A row was chosen, by Enter or by a second click."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    class SortChosen(Message):
        """The head of a column was clicked, which shows the rows in this order."""

        def __init__(self, sort: Sort) -> None:
            super().__init__()
            self.sort = sort

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._listing: Listing | None = None
        self._return_to = ""
        """Key of the row to put the cursor on when the next rows are shown; empty for the row it is on."""

    @property
    def keys(self) -> list[str]:
        """The keys of the rows, from the top, filtered."""
        return [row.key for row in self._listing.rows] if self._listing else []

    @property
    def only(self) -> str:
        """The text that the filter looks for; empty without a filter."""
        return self._listing.only if self._listing else ""

    @property
    def kept(self) -> tuple[int, Usage] | None:
        """The number of rows that the filter leaves, and their usage; ``None`` without a filter."""
        if self._listing is None or not self._listing.only:
            return None
        total = NO_USAGE
        for row in self._listing.rows:
            total = total.plus(row.usage)
        return len(self._listing.rows), total

    @property
    def key(self) -> str:
        """The key of the row under the cursor; empty if there is none."""
        keys = self.keys
        return keys[self.cursor] if self.cursor < len(keys) else ""

    def return_to(self, key: str) -> None:
        """Put the cursor on this row when the next rows are shown."""
        self._return_to = key

    def show(self, listing: Listing) -> None:
        """Replace the rows. The cursor stays on its row, or goes to the first one if this is another view."""
        key, wanted, self._return_to = self.key, self._return_to, ""
        same = self._listing is not None and self._listing.view.name == listing.view.name
        # The cursor's line on the screen: rows that come or go above must not move it under the person's eyes.
        offset = self.cursor - round(self.scroll_y)
        self._listing, self.loading = listing, False
        self.border_title = f"{_TITLES[listing.view.name]}, {counted(len(listing.view.rows), 'row')}"
        self.virtual_size = Size(0, len(listing.rows) + 1)
        found = wanted or (key if same else "")
        self.cursor = next((n for n, row in enumerate(listing.rows) if found and row.key == found), 0)
        self.scroll_to(y=max(self.cursor - offset, 0) if same else 0, animate=False)
        if wanted:
            self.action_move(0)
        self.refresh()

    def show_only(self, text: str, width: int) -> None:
        """Show the rows of the view that contain a text; all of them if it is empty."""
        if self._listing is not None:
            self.show(list_rows(self._listing.view, width, text))

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen. Line 0 is the head, which does not scroll."""
        width = self.size.width
        if self._listing is None:
            return Strip.blank(width, self.rich_style)
        # Rows begin below the head and are shifted by what was scrolled away.
        index = y - 1 + round(self.scroll_y)
        if y == 0:
            text, style = Text(self._listing.layout.head, end=""), self.get_component_rich_style("rows--head")
        elif index < len(self._listing.rows):
            text = _line(self._listing, index)
            style = self.get_component_rich_style("rows--cursor") if index == self.cursor else self.rich_style
        else:
            return Strip.blank(width, self.rich_style)
        return Strip(text.render(self.app.console)).apply_style(style).adjust_cell_length(width, style)

    def watch_cursor(self) -> None:
        """Draw again when the cursor moves."""
        self.refresh()

    def action_move(self, by: int) -> None:
        """Move the cursor by so many rows, and scroll just far enough to see it."""
        self.cursor = max(min(self.cursor + by, len(self.keys) - 1), 0)
        first, visible = round(self.scroll_y), max(self.size.height - 1, 1)
        if self.cursor < first:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= first + visible:
            self.scroll_to(y=self.cursor - visible + 1, animate=False)

    def action_page(self, by: int) -> None:
        """Move the cursor by so many pages; one row of the last page stays visible."""
        self.action_move(by * max(self.size.height - 2, 1))

    def action_choose(self) -> None:
        """Announce the row under the cursor as chosen."""
        if self._listing is not None and self.cursor < len(self._listing.rows):
            self.post_message(self.Chosen(self._listing.rows[self.cursor]))

    def _choose_sort(self, listing: Listing, x: int) -> None:
        sort = sort_of(listing.view, _column_at(listing.layout, x))
        if sort is not None:
            self.post_message(self.SortChosen(sort))

    def on_click(self, event: Click) -> None:
        """Move to the row that was clicked; a second click chooses it."""
        # The frame and its padding lie around what is drawn.
        place = event.get_content_offset(self)
        if place is None or self._listing is None:
            return
        if place.y == 0:
            self._choose_sort(self._listing, place.x)
            return
        row = place.y - 1 + round(self.scroll_y)
        if 0 <= row < len(self.keys):
            if row == self.cursor and event.chain > 1:
                self.action_choose()
            self.cursor = row


def _column_at(layout: TableLayout, x: int) -> str:
    """Return the title of the column at a place of the line; empty beside all of them."""
    end = 0
    for column, width in zip(layout.columns, layout.widths, strict=True):
        end += width + GAP
        if x < end:
            return column.title
    return ""


def _searched(row: Row) -> str:
    """Return everything a person may know the row by, in lower case."""
    also = f" {row.key} {row.project}" if isinstance(row, SessionRow) else f" {row.key}"
    return (name_of(row) + also).lower()


def _line(listing: Listing, index: int) -> Text:
    row, gap = listing.rows[index], " " * GAP
    text = Text(gap.join(listing.layout.row(index)), style="" if row.usage.messages else "dim", no_wrap=True, end="")
    if listing.layout.bar and listing.whole:
        share = listing.view.total_of(row.usage) / listing.whole
        text.append(gap + bar(share, listing.layout.bar), style="cyan")
    return text
