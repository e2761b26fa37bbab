"""CSV (RFC 4180) of a view's rows, which a spreadsheet opens without running any of it."""

import csv
import io
import unicodedata
from datetime import UTC, datetime
from typing import Any, Final

from otel_agent.ledger.answers import NO_USAGE
from otel_agent.summary.formats.json_objects import row_object
from otel_agent.summary.text.words import plain
from otel_agent.summary.view import AgentRow, PeriodRow, ProjectRow, Row, SessionRow, ToolRow, View, ViewName

_FORMULA: Final = ("=", "+", "-", "@")
"""Letters at the start of a cell that make a spreadsheet run it as a formula."""

_ANY_TIME: Final = datetime(2020, 1, 1, tzinfo=UTC)
_MODEL: Final = Row(key="", usage=NO_USAGE)
_OF_KIND: Final[dict[ViewName, Row]] = {
    "sessions": SessionRow(
        key="",
        usage=NO_USAGE,
        title="",
        project="",
        directory="",
        parent="",
        depth=0,
        first=_ANY_TIME,
        last=_ANY_TIME,
        with_subagents=NO_USAGE,
    ),
    "projects": ProjectRow(key="", usage=NO_USAGE, directory="", first=_ANY_TIME, last=_ANY_TIME),
    "agents": AgentRow(key="", usage=NO_USAGE, configured=""),
    "tools": ToolRow(
        key="",
        usage=NO_USAGE,
        server="",
        server_known_by="",
        calls=0,
        failed=0,
        aborted=0,
        timed=0,
        p50_ms=None,
        p95_ms=None,
        first=_ANY_TIME,
        last=_ANY_TIME,
    ),
    "timeline": PeriodRow(key="", usage=NO_USAGE, since=_ANY_TIME, until=_ANY_TIME),
}
"""A row of each kind, which names the columns of a view without rows."""


def as_csv(view: View) -> str:
    """Return a line of column names, then a line for each row. An overview's rows are its models."""
    rows = [_flat(row_object(row, view)) for row in view.rows]
    # All rows of a view are of one kind, so any of that kind has the names of all columns.
    names = list(_flat(row_object(_OF_KIND.get(view.name, _MODEL), view)))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([spreadsheet_cell(row[name]) for name in names] for row in rows)
    return text.getvalue()


def _flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name inner values by their path, but for tokens: ``input`` and ``with_subagents_input``."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict):
            flat |= _flat(value, prefix if name == "tokens" else f"{path}_")
        else:
            # Only branches are a list, and git allows no space in their names.
            flat[path] = " ".join(value) if isinstance(value, list) else value
    return flat


def spreadsheet_cell(value: object) -> object:
    """Return the cell; an apostrophe, which spreadsheets do not show, disarms text that looks like a formula."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = plain(value)
    # Full-width forms of the letters begin a formula too.
    begins = unicodedata.normalize("NFKC", text.lstrip())[:1]
    return f"'{text}" if begins in _FORMULA and begins else text
