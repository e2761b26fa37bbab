"""One session from inside: its turns and, below them, the model calls and tool calls of the turn under the cursor."""

from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from rich.console import Group, RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

from otel_agent.summary.formats.session_json import session_json
from otel_agent.summary.live.lines import first_lines, sum_line
from otel_agent.summary.live.session_rows import (
    CALL_TITLES,
    NUMBERS,
    TURN_TITLES,
    call_cells,
    session_sentences,
    turn_cells,
    turn_titles,
)
from otel_agent.summary.live.session_table import Rows
from otel_agent.summary.live.style import LOW
from otel_agent.summary.session_detail import CallRow, SessionDetail, TurnRow
from otel_agent.summary.text import words
from otel_agent.summary.text.column import place
from otel_agent.summary.view import View

_MOST_EXACT: Final = 2
_MOST_SUMS, _MOST_LOW_SUMS = 3, 1
"""Lines of what is below the tables (``max-height``)."""


class SessionScreen(Screen[None]):
    """Lies over the rows or the session that it was opened from, so that these are as they were when it is closed."""

    CSS = """
    SessionScreen #way { height: 1; padding: 0 1; color: $text-muted; }
    SessionScreen Rows { height: 1fr; min-height: 3; padding: 0 1; background: $background; border: round $primary 60%;
      border-title-color: $text-accent; border-title-style: bold; scrollbar-size: 0 1; }
    SessionScreen #calls { height: 2fr; }
    SessionScreen Rows:focus { border: round $accent; }
    SessionScreen #exact { height: auto; max-height: 2; padding: 0 1; color: $text-muted; }
    SessionScreen #sums { height: auto; max-height: 3; padding: 0 1; }
    SessionScreen.-low #sums { max-height: 1; }
    """
    AUTO_FOCUS = "#turns"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,shift+tab", "other_table", "Turns / calls", priority=True),
        Binding("escape,backspace", "back", "Back"),
        Binding("y", "copy", "Copy id", show=False),
        Binding("e", "export", "Export"),
        Binding("o", "app.open_session", "Open"),
        Binding("r", "app.refresh_now", "Refresh", show=False),
        Binding("question_mark", "app.help", "Help"),
        Binding("q", "app.quit", "Quit"),
        Binding("ctrl+c", "app.quit", "Quit", show=False),
    ]

    class Called(Message):
        """The call of a sub-agent was chosen, whose session has an id and perhaps a title."""

        def __init__(self, session_id: str, title: str) -> None:
            super().__init__()
            self.session_id, self.title = session_id, title

    def __init__(self, session_id: str, way: tuple[str, ...], view: View, keep: Callable[[str, str], None]) -> None:
        """``way`` has the titles of the sessions above this one and its own, ``view`` is the one that it was found in.

        ``keep`` is called with the id and the text of the session that a person wants as a file.
        """
        super().__init__()
        self.session_id, self.way = session_id, way
        self._view, self._keep = view, keep
        self._detail: SessionDetail | None = None

    @property
    def folder(self) -> str:
        """Where OpenCode opens it; empty until the answer came."""
        return self._detail.folder if self._detail else ""

    def compose(self) -> ComposeResult:
        """Create the widgets, from top to bottom."""
        yield Static(self._way(), id="way")
        for name, titles in (("turns", TURN_TITLES), ("calls", CALL_TITLES)):
            table = Rows(id=name, cursor_type="row", zebra_stripes=False)
            _add_columns(table, titles)
            yield table
        yield Static(id="exact", markup=False)
        yield Static(id="sums", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Cover the tables until the answer comes."""
        self.query_one("#turns", Rows).loading = True

    def show(self, detail: SessionDetail) -> None:
        """Show the session, or what is new of it. The cursor stays on its turn; at first it is on the latest."""
        turns = self.query_one("#turns", Rows)
        turns.loading = False
        if detail == self._detail:
            return
        key, is_first, self._detail = self._turn_key, self._detail is None, detail
        turns.clear(columns=True)
        _add_columns(turns, turn_titles(detail))
        for turn in detail.turns:
            turns.add_row(*turn_cells(turn, detail, self._view.accounting, self._view.now), key=turn.key)
        turns.border_title = f"Turns, {len(detail.turns)}"
        last = len(detail.turns) - 1
        at = next((number for number, turn in enumerate(detail.turns) if turn.key == key), last)
        turns.move_cursor(row=max(last if is_first else at, 0), animate=False)
        where = "  ".join(filter(None, (words.plain(detail.id), place(detail.project, detail.directory))))
        self.query_one("#way", Static).update(self._way(where))
        self._show_sums()
        self._show_calls()

    def on_resize(self) -> None:
        """Lay the sentences out for the new width."""
        self._show_sums()
        self._show_exact()

    def _way(self, where: str = "") -> RenderableType:
        text = " / ".join(("Sessions", *map(words.plain, self.way)))
        # A text alone would be wrapped by Textual.
        return Group(Text(f"{text}   {where}".rstrip(), no_wrap=True, overflow="ellipsis"))

    def _show_sums(self) -> None:
        if self._detail is not None:
            most = _MOST_LOW_SUMS if self.size.height < LOW else _MOST_SUMS
            sentences = session_sentences(self._detail, self._view.accounting)
            self.query_one("#sums", Static).update(first_lines(sentences, self.size.width - 2, most))

    @property
    def _turn(self) -> TurnRow | None:
        row = self.query_one("#turns", Rows).cursor_row
        return self._detail.turns[row] if self._detail and 0 <= row < len(self._detail.turns) else None

    @property
    def _turn_key(self) -> str:
        return self._turn.key if self._turn else ""

    def _show_calls(self) -> None:
        calls, turn = self.query_one("#calls", Rows), self._turn
        calls.clear()
        for number, call in enumerate(turn.calls if turn else ()):
            calls.add_row(*call_cells(call, self._view.accounting), key=str(number))
        began = f" of the turn of {words.moment(turn.since, self._view.now)}" if turn else ""
        calls.border_title = f"Calls{began}, {len(turn.calls) if turn else 0}"
        self._show_exact()

    @property
    def _call(self) -> CallRow | None:
        row, turn = self.query_one("#calls", Rows).cursor_row, self._turn
        return turn.calls[row] if turn and 0 <= row < len(turn.calls) else None

    def _show_exact(self) -> None:
        """Show the exact numbers of the row under the cursor of the table that has the focus."""
        turn, call = self._turn, self._call
        usage = turn.usage if turn else None
        if call and self.query_one("#calls", Rows).has_focus:
            usage = call.usage if call.kind == "model" else None
        self.query_one("#exact", Static).update(
            sum_line(usage, self._view.accounting, self.size.width - 2, _MOST_EXACT) if usage else ""
        )

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the calls of the turn under the cursor, or the numbers of the call."""
        if event.data_table.id == "turns":
            self._show_calls()
        else:
            self._show_exact()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Go down from a turn to its calls, and from the call of a sub-agent to that one's session."""
        if event.data_table.id == "turns":
            self.query_one("#calls", Rows).focus()
        elif (call := self._call) is not None and call.session:
            self.post_message(self.Called(call.session, call.session_title))

    def on_descendant_focus(self) -> None:
        """Show the numbers of the row in the other table."""
        self._show_exact()

    def action_other_table(self) -> None:
        """Go to the table that does not have the focus."""
        turns, calls = self.query_one("#turns", Rows), self.query_one("#calls", Rows)
        (turns if calls.has_focus else calls).focus()

    def action_back(self) -> None:
        """Go back from the calls to the turns, and from there to what the session was opened from."""
        if self.query_one("#calls", Rows).has_focus:
            self.query_one("#turns", Rows).focus()
        else:
            self.dismiss()

    def action_copy(self) -> None:
        """Copy the id of the session."""
        self.app.copy_to_clipboard(self.session_id)
        self.notify(f"Copied {words.plain(self.session_id)}", markup=False, timeout=2)

    def action_export(self) -> None:
        """Write the session to a file."""
        if self._detail is not None:
            self._keep(self.session_id, session_json(self._detail, self._view.accounting) + "\n")


def _add_columns(table: Rows, titles: Iterable[str]) -> None:
    for title in titles:
        table.add_column(Text(title, justify="right" if title in NUMBERS else "left"), key=title)
