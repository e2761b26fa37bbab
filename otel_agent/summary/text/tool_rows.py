"""The MCP servers of a view of tools as titles and rows of text: for terminals, Markdown and pages."""

from collections.abc import Iterator
from typing import Final

from otel_agent.summary.text.columns import TOOL_COLUMNS, name_of
from otel_agent.summary.view import ToolCalls, View

BY_SERVER: Final = "By MCP server"
SERVER_TITLES: Final = ("MCP server", "Known by", *(column.title for column in TOOL_COLUMNS))
NUMBERS: Final = tuple(range(2, len(SERVER_TITLES)))
"""The places of the columns that are numbers."""
_KNOWN_BY: Final = {"config": "configuration", "name": "name"}


def server_rows(view: View, tools: ToolCalls) -> Iterator[tuple[str, ...]]:
    """Yield the texts of each server that is known."""
    for row in tools.servers:
        known_by = _KNOWN_BY.get(row.server_known_by, "")
        yield name_of(row), known_by, *(column.cell(view, row) for column in TOOL_COLUMNS)
