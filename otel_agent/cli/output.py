"""How a summary's views leave the program: on the terminal, through a pipe, or into a file."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from otel_agent.cli import progress
from otel_agent.errors import OtelAgentError
from otel_agent.summary.view import Overview, Row, View

if TYPE_CHECKING:
    from otel_agent.summary.machine import Machine

Format = Literal["table", "json", "csv", "markdown", "html", "svg"]

_ENDINGS: Final[dict[str, Format]] = {
    ".json": "json",
    ".csv": "csv",
    ".md": "markdown",
    ".html": "html",
    ".svg": "svg",
}


def format_of(file: Path) -> Format:
    """The format that a file's ending says; a table where it says none."""
    return _ENDINGS.get(file.suffix.lower(), "table")


def catch_up(machine: "Machine") -> None:
    """With a bar that tells how far, where a person waits for a long history that is read for the first time."""
    with progress.shown() as tell:
        machine.catch_up(tell)


def print_views(found: Sequence[View[Row]], form: Format, machine: "Machine") -> None:
    if form != "table":
        sys.stdout.write(_rendered(found, form))
        return
    from rich.console import Console

    from otel_agent.summary.text.tables import no_data, view_table

    console = Console()
    if found[0].newest is None and not (found[0].warnings or (isinstance(found[0], Overview) and found[0].processes)):
        console.print(no_data(machine.looked_in()))
        return
    for number, view in enumerate(found):
        console.print(*([""] if number else []), view_table(view))


def _rendered(found: Sequence[View[Row]], form: Format) -> str:
    match form:
        case "json":
            from otel_agent.summary.formats.as_json import as_json

            return as_json(found)
        case "csv":
            from otel_agent.summary.formats.as_csv import as_csv

            return as_csv(found[0])
        case "markdown":
            from otel_agent.summary.formats.as_markdown import as_markdown

            return as_markdown(found)
        case _:
            from otel_agent.summary.formats.as_page import as_html, as_svg, as_text

            return {"html": as_html, "svg": as_svg, "table": as_text}[form](found)


def write_views(path: Path, found: Sequence[View[Row]], form: Format) -> None:
    try:
        path.write_text(_rendered(found, form), encoding="utf-8", newline="")
    except OSError as error:
        raise OtelAgentError(f"cannot write {path}: {error.strerror}. Name another file with -o.") from None
