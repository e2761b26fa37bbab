"""The tabs of the live screen, one for each view."""

from textual.widgets import Tab, Tabs

from otel_agent.summary.live.tab_names import tab_names


class ViewTabs(Tabs, can_focus=False):
    """Tabs without focus, so that the arrow keys always move in the rows."""

    def name_tabs(self, width: int) -> None:
        """Name each tab by its view, for a screen so many columns wide."""
        for view, name in tab_names(width).items():
            self.query_one(f"#{view}", Tab).label = name
