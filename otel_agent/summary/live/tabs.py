"""The tabs of the live screen, one for each view."""

from textual.widgets import Tabs


class ViewTabs(Tabs, can_focus=False):
    """Tabs without focus, so that the arrow keys always move in the rows."""
