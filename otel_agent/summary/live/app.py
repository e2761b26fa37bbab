"""The live screen: six tabs, each a view, and what each key and click does."""

from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import BindingType
from textual.events import Click, Resize
from textual.widgets import Input, Tabs

from otel_agent.summary.live.boxes import Box, help_box, notes_box
from otel_agent.summary.live.crumbs import Spot
from otel_agent.summary.live.head import Head, TrendLine
from otel_agent.summary.live.keys import SCREEN_KEYS
from otel_agent.summary.live.listing import list_rows
from otel_agent.summary.live.outward import Outward
from otel_agent.summary.live.row_list import RowList
from otel_agent.summary.live.tabs import ViewTabs
from otel_agent.summary.question import RangeName
from otel_agent.summary.text.captions import footnotes
from otel_agent.summary.text.column import name_of
from otel_agent.summary.text.columns import sorts_of
from otel_agent.summary.view import VIEW_NAMES, SessionRow, ViewName

if TYPE_CHECKING:
    from otel_agent.summary.live.session_screen import SessionScreen

_EVERYWHERE: Final = ("quit", "help", "open", "open_session", "refresh_now", "command_palette")
"""The actions that do the same while the turns of a session lie over the rows."""


class Live(Outward):
    """The screen that a person moves in."""

    BINDINGS: ClassVar[list[BindingType]] = SCREEN_KEYS

    def on_mount(self) -> None:
        """Show or ask for the first view. Textual calls the method of this name of each class: there is no ``super``."""
        if self._first is None:
            self._arrive()
            return
        self._turn_to(self._first.name)
        # Textual forgets that a line becomes two if it is told so before the line is mounted.
        self.call_after_refresh(self.show_first, self._first)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the keys to a box while one is open, and most of them to a session."""
        if isinstance(self.screen, Box):
            return action == "quit"
        return self._inside is None or action in _EVERYWHERE

    def action_open(self, name: ViewName) -> None:
        """Open a tab."""
        for session in reversed(self._sessions):
            session.dismiss()
        self._sessions.clear()
        self._trail.open(name)
        self._arrive()

    def action_step(self, offset: int) -> None:
        """Open the next or the previous tab."""
        self._trail.open_neighbour(offset)
        self._arrive()

    def action_range(self, name: RangeName) -> None:
        """Choose a range for all views."""
        self._trail.choose_range(name)
        self._load()

    def action_by(self) -> None:
        """Choose the next step of the timeline."""
        self._trail.choose_next_step(self._ask)
        self._load()

    def action_refresh_now(self) -> None:
        """Ask again."""
        self._load()

    def action_filter(self) -> None:
        """Open the line in which a filter is typed."""
        line = self.query_one("#filter", Input)
        line.display = True
        line.focus()

    def action_up_one(self) -> None:
        """End the filter or, without one, go back to the view before."""
        if self.query_one("#file").display:
            self.close_file()
        elif self.query_one("#filter").display:
            self._close_filter()
        elif spot := self._trail.go_back():
            self._arrive()
            self._return_to(spot)

    def action_sort(self) -> None:
        """Sort by the next column."""
        if self._shown is not None:
            self._trail.choose_next_sort(sorts_of(self._shown), self._shown.question.sort)
            self._load()

    def on_row_list_sort_chosen(self, event: RowList.SortChosen) -> None:
        """Sort by the column that was clicked."""
        self._trail.choose_sort(event.sort)
        self._load()

    def action_notes(self) -> None:
        """Show all warnings and notes."""
        if self._shown is not None:
            self.push_screen(notes_box(footnotes(self._shown)))

    def action_scroll_head(self, lines: int) -> None:
        """Scroll what is above the rows."""
        self.query_one(Head).scroll_relative(y=lines, animate=False)

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(help_box())

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        """Open the tab that was clicked. Keys activate tabs too, but their event may come after the next key."""
        name = next(view for view in VIEW_NAMES if view == event.tab.id)
        # A late event of a key names a tab that is not active any more.
        if name == event.tabs.active and name != self._trail.here.view:
            self.action_open(name)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter with every letter."""
        if event.input.id == "filter":
            self.query_one(RowList).show_only(event.value, self.size.width)
            self._show_foot()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and move in the rows, or write the file that was named."""
        if event.input.id == "file":
            self.write_file(event.value)
        else:
            self.query_one(RowList).focus()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Open the row."""
        if isinstance(event.row, SessionRow):
            self._go_inside(event.row.key, name_of(event.row))
        elif self._trail.go_into(event.row, self.query_one(RowList).only):
            self._arrive()

    def action_go_into(self, view: ViewName) -> None:
        """Show what the row consists of: its days, or its models."""
        row, here = self.query_one(RowList).row, self._trail.here.view
        if row is not None and here != view and self._trail.go_into(row, self.query_one(RowList).only, view):
            self._arrive()

    def on_session_screen_called(self, event: "SessionScreen.Called") -> None:
        """Open the session of a sub-agent over the one that called it."""
        self._go_inside(event.session_id, event.title or event.session_id)

    def _go_inside(self, session_id: str, title: str) -> None:
        # The tables of a session take 0.02 s to import, for which the first view would wait.
        from otel_agent.summary.live.session_screen import SessionScreen  # noqa: PLC0415

        if self._shown is not None:
            way = (*(self._inside.way if self._inside else ()), title)
            self._sessions.append(SessionScreen(session_id, way, self._shown, self.write_session))
            self.push_screen(self._sessions[-1], self._come_back)
            self._load()

    def _come_back(self, _: None) -> None:
        """Ask again for what the session lay over, which is still on the screen."""
        self._sessions = [session for session in self._sessions if session in self.screen_stack]
        self._load()

    def on_resize(self, event: Resize) -> None:
        """Lay the rows out for the new width."""
        self._last.clear()
        self.query_one(ViewTabs).name_tabs(event.size.width)
        if self._shown is not None:
            rows = self.query_one(RowList)
            rows.show(list_rows(self._shown, event.size.width, rows.only))
            self.query_one(Head).show(self._shown)
            self.query_one(TrendLine).show(self._shown)
            self._show_foot()

    def _return_to(self, spot: Spot) -> None:
        """Put the cursor and the filter where they were."""
        rows, line = self.query_one(RowList), self.query_one("#filter", Input)
        if spot.only:
            line.display, line.value = True, spot.only
        rows.return_to(spot.key)
        last = self._last.get(self._trail.here.view)
        if last is not None and last[0] == self._trail.wish:
            self._show_listing(last[1])
            rows.return_to(spot.key)

    def _close_filter(self) -> None:
        line = self.query_one("#filter", Input)
        line.value = ""
        line.display = False
        self.query_one(RowList).focus()

    def on_click(self, event: Click) -> None:
        """Show all warnings and notes if the line about them was clicked."""
        if event.widget is not None and event.widget.id == "foot":
            self.action_notes()

    def _turn_to(self, view: ViewName) -> None:
        """Turn the screen around the rows into that of a view."""
        self.query_one(Tabs).active = view
        self.query_one("#head").display = view == "overview"
        self._close_filter()

    def _arrive(self) -> None:
        """Show the last answer of the view, or that one is coming, and ask for it."""
        view = self._trail.here.view
        self._turn_to(view)
        listing = self.known(view)
        if listing is not None:
            self._show_listing(listing)  # at once; the new answer replaces it
        else:
            # Rows of another view would be misread under the new title, so they are covered until the answer comes.
            self.query_one(RowList).loading = self._shown is None or self._shown.name != view
        self._load()
