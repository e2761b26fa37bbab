"""CSV (RFC 4180) of a view's rows, which a spreadsheet opens without running any of it."""

import csv
import io
import unicodedata
from typing import Any, Final

from otel_agent.summary.formats.as_json import row_object
from otel_agent.summary.text.words import plain
from otel_agent.summary.view import View

_FORMULA: Final = ("=", "+", "-", "@")
"""Letters at the start of a cell that make a spreadsheet run it as a formula."""


def as_csv(view: View) -> str:
    """Return a line of column names, then a line for each row. An overview's rows are its models."""
    rows = [_flat(row_object(row, view)) for row in view.rows]
    # All rows of a view are of one kind, so the first one has the names of all columns.
    names = list(rows[0]) if rows else ["key"]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([_cell(row[name]) for name in names] for row in rows)
    return text.getvalue()


def _flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name inner values by their path, ``with_subagents_tokens_total``; but the row's own tokens without ``tokens_``."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        path = f"{prefix}{name}"
        flat |= _flat(value, f"{path}_" if path != "tokens" else "") if isinstance(value, dict) else {path: value}
    return flat


def _cell(value: object) -> object:
    """Return the cell; an apostrophe, which spreadsheets do not show, disarms text that looks like a formula."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = plain(value)
    # Full-width forms of the letters begin a formula too.
    begins = unicodedata.normalize("NFKC", text.lstrip())[:1]
    return f"'{text}" if begins in _FORMULA and begins else text
