"""CSV (RFC 4180) of a view's rows, that a spreadsheet opens without surprise."""

import csv
import io
import unicodedata
from typing import Any, Final

from otel_agent.summary.formats.as_json import row
from otel_agent.summary.text.words import plain
from otel_agent.summary.view import View

_FORMULA: Final = ("=", "+", "-", "@")
"""What a spreadsheet takes for the beginning of a formula, full-width forms too."""


def as_csv(view: View[Any]) -> str:
    """A line of names, then a line for each row. An overview is its models."""
    rows = [_flat(row(each, view)) for each in view.rows]
    names = list(rows[0]) if rows else ["key"]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([_cell(each[name]) for name in names] for each in rows)
    return text.getvalue()


def _flat(of: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Objects within by their path: ``with_subagents_tokens_total``; ``tokens`` of the row itself without it."""
    found: dict[str, Any] = {}
    for name, value in of.items():
        path = f"{prefix}{name}"
        found |= _flat(value, f"{path}_" if path != "tokens" else "") if isinstance(value, dict) else {path: value}
    return found


def _cell(value: object) -> object:
    """Text that could be taken for a formula begins with an apostrophe, which spreadsheets do not show."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = plain(value)
    begins = unicodedata.normalize("NFKC", text.lstrip())[:1]
    return f"'{text}" if begins in _FORMULA and begins else text
