"""The lines of a list of rows, for the screen and for its first picture."""

from collections.abc import Iterator
from typing import Final

from rich.style import Style
from rich.text import Text

from otel_agent.model.plural import counted
from otel_agent.summary.live.listing import Listing
from otel_agent.summary.text.bars import bar
from otel_agent.summary.text.captions import cuts_the_earliest
from otel_agent.summary.text.widths import GAP
from otel_agent.summary.view import ViewName

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


def list_title(listing: Listing) -> str:
    """Return what the rows are, and how many the view has."""
    return f"{_TITLES[listing.view.name]}, {counted(len(listing.view.rows), 'row')}"


def first_row(listing: Listing) -> int:
    """Return the row to begin at: the newest of a timeline, which is its last one."""
    return max(len(listing.rows) - 1, 0) if cuts_the_earliest(listing.view) else 0


def head_line(listing: Listing) -> Text:
    """Return the line of column titles."""
    return Text(listing.layout.head, end="")


def row_line(
    listing: Listing, index: int, *, at_cursor: bool, changed: Iterator[bool] | None = None, mark: Style | None = None
) -> Text:
    """Return the line of a row. Cells that ``changed`` have the style ``mark``, and the cursor's line has one colour."""
    row, gap = listing.rows[index], " " * GAP
    text = Text(no_wrap=True, overflow="ellipsis", end="")
    for number, cell in enumerate(listing.layout.row(index)):
        text.append(gap if number else "")
        # Only the text is marked and not the blanks that bring it to its place.
        blanks = len(cell) - len(cell.lstrip())
        text.append(cell[:blanks]).append(cell[blanks:], mark if changed is not None and next(changed) else None)
    if listing.layout.bar and listing.whole:
        share = listing.view.total_of(row.usage) / listing.whole
        text.append(gap + bar(share, listing.layout.bar), None if at_cursor else "cyan")
    if not row.usage.messages:
        text.stylize_before("dim")
    return text
