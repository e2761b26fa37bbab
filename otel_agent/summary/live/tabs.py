"""The tabs of the live screen, one for each view."""

from textual.widgets import Tab, Tabs

from otel_agent.summary.view import VIEW_NAMES


class ViewTabs(Tabs, can_focus=False):
    """Tabs without focus, so that the arrow keys always move in the rows."""

    def name_tabs(self, *, numbered: bool) -> None:
        """Name each tab by its view, with the key that opens it if there is room."""
        for number, name in enumerate(VIEW_NAMES, 1):
            title = name.title()
            self.query_one(f"#{name}", Tab).label = f"{number} {title}" if numbered else title
