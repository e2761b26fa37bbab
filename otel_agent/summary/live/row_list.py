"""The rows of a view as a table to move about in.

Only the visible lines are drawn, so that four thousand rows cost no more than twenty.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.text import Text
from textual.binding import BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from otel_agent.summary.live.keys import ROW_KEYS
from otel_agent.summary.live.listing import Before, Listing, before, list_rows
from otel_agent.summary.live.row_lines import first_row, head_line, list_title, row_line
from otel_agent.summary.question import Sort
from otel_agent.summary.view import Row

_FLASH_SECONDS: Final = 0.9
"""How long a cell that changed is marked."""


class RowList(ScrollView, can_focus=True):
    """A list with a cursor, which stays on its row when rows appear above it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor", "rows--head", "rows--changed"}
    DEFAULT_CSS = """
    RowList > .rows--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    RowList:nocolor > .rows--cursor { text-style: reverse; }
    RowList > .rows--head { color: $text-muted; }
    RowList > .rows--changed { background: $accent; color: $background; text-style: bold; }
    RowList:ansi > .rows--changed { color: ansi_black; }
    RowList:nocolor > .rows--changed { text-style: bold underline; }
    """
    BINDINGS: ClassVar[list[BindingType]] = ROW_KEYS
    cursor = reactive(0)

    class Chosen(Message):
        """A row was chosen, by Enter or by a second click."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    class Moved(Message):
        """Another row is under the cursor, or other rows are shown."""

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
        self._before: Before | None = None
        """The rows as they were, while what changed is marked."""

    @property
    def keys(self) -> list[str]:
        """The keys of the rows, from the top, filtered."""
        return [row.key for row in self._listing.rows] if self._listing else []

    @property
    def only(self) -> str:
        """The text that the filter looks for; empty without a filter."""
        return self._listing.only if self._listing else ""

    @property
    def kept(self) -> Sequence[Row] | None:
        """The rows that the filter leaves; ``None`` without a filter."""
        return self._listing.rows if self._listing is not None and self._listing.only else None

    @property
    def listing(self) -> Listing | None:
        """The rows that are shown, and their columns; ``None`` before the first answer."""
        return self._listing

    @property
    def row(self) -> Row | None:
        """The row under the cursor, if there is one."""
        rows = self._listing.rows if self._listing else ()
        return rows[self.cursor] if self.cursor < len(rows) else None

    @property
    def key(self) -> str:
        """The key of the row under the cursor; empty if there is none."""
        return self.row.key if self.row else ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of the row under the cursor, not cut; empty if there is none."""
        layout = self._listing.layout if self.row and self._listing else None
        return tuple(texts[self.cursor] for texts in layout.texts) if layout else ()

    def return_to(self, key: str) -> None:
        """Put the cursor on this row when the next rows are shown."""
        self._return_to = key

    def show(self, listing: Listing, *, flash: bool = False) -> None:
        """Replace the rows. The cursor stays on its row, or goes to the first one if this is another view.

        What is not as before is marked for a moment if it shall ``flash``.
        """
        key, wanted, self._return_to = self.key, self._return_to, ""
        same = self._listing is not None and self._listing.view.name == listing.view.name
        # The cursor's line on the screen: rows that come or go above must not move it under the person's eyes.
        offset = self.cursor - round(self.scroll_y)
        if flash:
            self._mark_changes(before(self._listing, listing))
        self._listing, self.loading = listing, False
        self.border_title = list_title(listing)
        self.virtual_size = Size(0, len(listing.rows) + 1)
        found = wanted or (key if same else "")
        self.cursor = next((n for n, row in enumerate(listing.rows) if found and row.key == found), first_row(listing))
        self.scroll_to(y=max(self.cursor - offset, 0) if same else 0, animate=False)
        if wanted or not same:
            self.action_move(0)
        self.refresh()
        self.post_message(self.Moved())

    def _mark_changes(self, changes: Before | None) -> None:
        self._before = changes
        if changes is not None:
            # Later changes have a timer of their own, and the earlier one then leaves them alone.
            self.set_timer(_FLASH_SECONDS, lambda: self._end_marks(changes))

    def _end_marks(self, changes: Before) -> None:
        if self._before is changes:
            self._before = None
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
            text, style = head_line(self._listing), self.get_component_rich_style("rows--head")
        elif index < len(self._listing.rows):
            text = self._line(self._listing, index)
            style = self.get_component_rich_style("rows--cursor") if index == self.cursor else self.rich_style
        else:
            return Strip.blank(width, self.rich_style)
        return Strip(text.render(self.app.console)).apply_style(style).adjust_cell_length(width, style)

    def _line(self, listing: Listing, index: int) -> Text:
        changed = None if self._before is None else self._before.changed(listing, index)
        mark = self.get_component_rich_style("rows--changed", partial=True)
        return row_line(listing, index, at_cursor=index == self.cursor, changed=changed, mark=mark)

    def watch_cursor(self) -> None:
        """Draw again when the cursor moves."""
        self.refresh()
        self.post_message(self.Moved())

    def action_move(self, by: int) -> None:
        """Move the cursor by so many rows, and scroll just far enough to see it.

        If the wheel has scrolled it away, it begins at the edge of what is on the screen.
        """
        first, visible = round(self.scroll_y), max(self.size.height - 1, 1)
        begin = max(min(self.cursor, first + visible - 1), first) if by else self.cursor
        self.cursor = max(min(begin + by, len(self.keys) - 1), 0)
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

    def on_click(self, event: Click) -> None:
        """Move to the row that was clicked; a second click chooses it."""
        # The frame and its padding lie around what is drawn.
        place = event.get_content_offset(self)
        if place is None or self._listing is None:
            return
        if place.y == 0:
            if sort := self._listing.sort_at(place.x):
                self.post_message(self.SortChosen(sort))
            return
        row = place.y - 1 + round(self.scroll_y)
        if 0 <= row < len(self.keys):
            if row == self.cursor and event.chain > 1:
                self.action_choose()
            self.cursor = row
