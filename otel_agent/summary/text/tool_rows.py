"""The MCP servers of a view of tools as titles and rows of text: for terminals, Markdown and pages."""

from collections.abc import Iterator
from typing import Final

from otel_agent.summary.text.column import name_of
from otel_agent.summary.text.columns import TOOL_COLUMNS
from otel_agent.summary.view import ToolCalls, View

BY_SERVER: Final = "By MCP server"
_SHOWN: Final = tuple(column for column in TOOL_COLUMNS if not column.optional)
"""The columns that fit beside a name on a narrow terminal: their numbers are never cut."""
SERVER_TITLES: Final = ("MCP server", *(column.title for column in _SHOWN))
NUMBERS: Final = tuple(range(1, len(SERVER_TITLES)))
"""The places of the columns that are numbers."""


def server_rows(view: View, tools: ToolCalls) -> Iterator[tuple[str, ...]]:
    """Yield the texts of each server that is known."""
    for row in tools.servers:
        yield name_of(row), *(column.cell(view, row) for column in _SHOWN)
