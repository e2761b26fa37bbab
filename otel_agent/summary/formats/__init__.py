"""The formats that a summary can be written in. A new format is one more entry in ``WRITERS``.

Each writer imports its module when it is called, so that a format costs nothing until somebody asks for it.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Literal

from otel_agent.errors import UsageError
from otel_agent.summary.view import View

Format = Literal["table", "json", "csv", "markdown", "html", "svg"]
Writer = Callable[[Sequence[View]], str]
"""Writes views as one text that ends with a line end."""


def format_of(file: Path) -> Format:
    """Return the format that a file's ending means; ``table`` if it has none. Raises ``UsageError`` for an unknown one."""
    ending = file.suffix.lower()
    if ending not in _ENDINGS:
        known = ", ".join(filter(None, _ENDINGS))
        raise UsageError(f"-o {file}: no format has the ending {ending}. Use one of {known}, or name it with --format.")
    return _ENDINGS[ending]


def _json(views: Sequence[View]) -> str:
    from otel_agent.summary.formats.as_json import as_json

    return as_json(views)


def _csv(views: Sequence[View]) -> str:
    from otel_agent.summary.formats.as_csv import as_csv

    return as_csv(views[0])


def _markdown(views: Sequence[View]) -> str:
    from otel_agent.summary.formats.as_markdown import as_markdown

    return as_markdown(views)


def _html(views: Sequence[View]) -> str:
    from otel_agent.summary.formats.as_html import as_html

    return as_html(views)


def _svg(views: Sequence[View]) -> str:
    from otel_agent.summary.formats.as_picture import as_svg

    return as_svg(views)


def _text(views: Sequence[View]) -> str:
    from otel_agent.summary.formats.as_picture import as_text

    return as_text(views)


WRITERS: Final[dict[Format, Writer]] = {
    "table": _text,
    "json": _json,
    "csv": _csv,
    "markdown": _markdown,
    "html": _html,
    "svg": _svg,
}
"""The writer of each format. CSV is one table, so it holds the first view only."""


def pieces(views: Sequence[View], form: Format) -> Iterable[str]:
    """Return what a writer returns in pieces, so that a long JSON document is never in memory as a whole."""
    if form != "json":
        return [WRITERS[form](views)]
    from otel_agent.summary.formats import as_json

    return as_json.pieces(views)


_ENDINGS: Final[dict[str, Format]] = {
    ".json": "json",
    ".csv": "csv",
    ".md": "markdown",
    ".html": "html",
    ".htm": "html",
    ".svg": "svg",
    ".txt": "table",
    "": "table",
}
