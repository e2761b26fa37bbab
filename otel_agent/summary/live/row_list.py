"""The rows of a view as a table to move about in. What is drawn are the lines that are seen: four thousand rows cost no
more than twenty."""

from typing import Any, ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from otel_agent.ledger.answers import NO_USAGE, Usage
from otel_agent.summary.text.columns import name_of, total_of
from otel_agent.summary.text.tables import bar
from otel_agent.summary.text.widths import GAP, Laid, laid_out
from otel_agent.summary.view import Row, SessionRow, View

_EDGES: Final = 4
"""Columns beside the cells: a blank at each side, and the scroll bar."""


class Drawn(Struct, frozen=True):
    """A view's rows, those that a filter leaves, laid out for a width."""

    view: View[Any]
    rows: tuple[Row, ...]
    laid: Laid
    only: str
    largest: int
    """Tokens of the row with the longest bar."""


def drawn(view: View[Any], width: int, only: str = "") -> Drawn:
    """A tenth of a second for four thousand rows: not for the screen's own thread where it can be helped."""
    kept = tuple(row for row in view.rows if only in _searched(row))
    largest = max((total_of(view, row.usage) for row in view.rows), default=0)
    return Drawn(view, kept, laid_out(replace(view, rows=kept), max(width - _EDGES, 1)), only, largest)


class Rows(ScrollView, can_focus=True):
    """The cursor keeps to its row, whatever comes above it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor", "rows--head"}
    DEFAULT_CSS = """
    Rows > .rows--cursor { background: $primary; color: $text; }
    Rows > .rows--head { text-style: dim; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-1000000)", "First", show=False),
        Binding("end", "move(1000000)", "Last", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]
    cursor = reactive(0)

    class Chosen(Message):
        """Enter was pressed on a row."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._drawn: Drawn | None = None

    @property
    def keys(self) -> list[str]:
        return [row.key for row in self._drawn.rows] if self._drawn else []

    @property
    def only(self) -> str:
        """What the filter asks for; empty: no filter."""
        return self._drawn.only if self._drawn else ""

    @property
    def kept(self) -> tuple[int, Usage]:
        """How many rows the filter leaves, and what they come to."""
        total, rows = NO_USAGE, self._drawn.rows if self._drawn else ()
        for row in rows:
            total = total.plus(row.usage)
        return len(rows), total

    def show(self, found: Drawn) -> None:
        """Draw these instead. Of the same view the cursor stays on its row, else it is on the first."""
        keys = self.keys
        at = keys[self.cursor] if self.cursor < len(keys) else ""
        same = self._drawn is not None and self._drawn.view.name == found.view.name
        offset = self.cursor - round(self.scroll_y)
        self._drawn, self.loading = found, False
        self.virtual_size = Size(0, len(found.rows) + 1)
        self.cursor = next((n for n, row in enumerate(found.rows) if same and row.key == at), 0)
        self.scroll_to(y=max(self.cursor - offset, 0) if same else 0, animate=False)
        self.refresh()

    def filtered(self, only: str, width: int) -> None:
        if self._drawn is not None:
            self.show(drawn(self._drawn.view, width, only.strip().lower()))

    def render_line(self, y: int) -> Strip:
        """Line 0 is the head, which does not scroll."""
        width = self.size.width
        if self._drawn is None:
            return Strip.blank(width, self.rich_style)
        index = y - 1 + round(self.scroll_y)
        if y == 0:
            text, style = _head(self._drawn.laid), self.get_component_rich_style("rows--head")
        elif index < len(self._drawn.rows):
            text = _line(self._drawn, index)
            style = self.get_component_rich_style("rows--cursor") if index == self.cursor else self.rich_style
        else:
            return Strip.blank(width, self.rich_style)
        return Strip(text.render(self.app.console)).apply_style(style).adjust_cell_length(width, style)

    def watch_cursor(self) -> None:
        self.refresh()

    def action_move(self, by: int) -> None:
        self.cursor = max(min(self.cursor + by, len(self.keys) - 1), 0)
        first, seen = round(self.scroll_y), max(self.size.height - 1, 1)
        if self.cursor < first:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= first + seen:
            self.scroll_to(y=self.cursor - seen + 1, animate=False)

    def action_page(self, by: int) -> None:
        self.action_move(by * max(self.size.height - 2, 1))

    def action_choose(self) -> None:
        if self._drawn is not None and self.cursor < len(self._drawn.rows):
            self.post_message(self.Chosen(self._drawn.rows[self.cursor]))

    def on_click(self, event: Click) -> None:
        """One click goes to a row, a second one opens it."""
        row = event.y - 1 + round(self.scroll_y)
        if 0 <= row < len(self.keys):
            if row == self.cursor and event.chain > 1:
                self.action_choose()
            self.cursor = row


def _searched(row: Row) -> str:
    """What a filter looks at: everything a person may know the row by."""
    also = f" {row.key} {row.project}" if isinstance(row, SessionRow) else f" {row.key}"
    return (name_of(row) + also).lower()


def _head(laid: Laid) -> Text:
    told = zip(laid.columns, laid.widths, strict=True)
    return Text(
        (" " * GAP).join(c.title.rjust(width) if c.kind == "number" else c.title.ljust(width) for c, width in told),
        end="",
    )


def _line(of: Drawn, index: int) -> Text:
    row, gap = of.rows[index], " " * GAP
    text = Text(gap.join(of.laid.rows[index]), style="" if row.usage.messages else "dim", no_wrap=True, end="")
    if of.laid.bar and of.largest:
        text.append(gap + bar(total_of(of.view, row.usage) / of.largest, of.laid.bar), style="cyan")
    return text
