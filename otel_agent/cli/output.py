"""The ways in which views leave the program: on the terminal, through a pipe, or into a file."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from otel_agent.cli.terminal import console
from otel_agent.errors import OtelAgentError, way_out
from otel_agent.private_files import replace_private
from otel_agent.settings import Settings
from otel_agent.summary.formats import Format, pieces
from otel_agent.summary.view import View

if TYPE_CHECKING:
    from otel_agent.ledger.queries import Queries


def print_views(views: Sequence[View], form: Format, settings: Settings) -> None:
    """Print views on standard output. A table has the terminal's width and colours; other formats go out as they are.

    If nothing was ever counted, the table is replaced by the places that ``settings`` say to look in.
    """
    _warn_beside(views, form)
    if form != "table":
        sys.stdout.writelines(pieces(views, form))
        return
    from otel_agent.summary.text.tables import no_data, view_table

    screen = console()
    if _is_empty(views[0], settings):
        from otel_agent.intake.store_finder import configured_locations

        screen.print(no_data(configured_locations(settings).paths))
        return
    for number, view in enumerate(views):
        screen.print(*([""] if number else []), view_table(view))


def _is_empty(view: View, settings: Settings) -> bool:
    """Return true if there is nothing to show at all: no message ever, no warning, no running OpenCode."""
    running = view.activity is not None and bool(view.activity.processes)
    if view.newest is not None or view.warnings or running:
        return False
    return view.reading is None or not _has_stores(settings)


def _has_stores(settings: Settings) -> bool:
    """Return true if OpenCode has stored anything, which another process may be about to read."""
    from otel_agent.intake.store_finder import known_locations
    from otel_agent.opencode.locations import find_stores

    return bool(find_stores(known_locations(settings))[0])


def write_views(views: Sequence[View], form: Format, file: Path) -> None:
    """Write views into a file that only its owner may read. Raises ``OtelAgentError`` if it cannot be written."""
    _warn_beside(views, form)
    # No translation of line ends: CSV ends its lines with CRLF on every system.
    try:
        _put(file, "".join(pieces(views, form)).encode())
    except OSError as error:
        todo = f"{way_out(error, 'Pass another file with -o')}."
        raise OtelAgentError(f"cannot write {file}: {error.strerror}. {todo}") from None


def _put(file: Path, content: bytes) -> None:
    """Replace a file in one step. A link is replaced too: somebody may have put it there to have another file overwritten."""
    # /dev/stdout and the like are links as well, and a person means what they lead to.
    is_stream = file.is_symlink() and file.parent.resolve().parts[1:2] in (("dev",), ("proc",))
    if is_stream or (file.exists() and not file.is_file()):
        file.write_bytes(content)
    else:
        replace_private(file, content)


def warn_of_ledger(ledger: "Queries") -> None:
    """Print on standard error why a list from the ledger may not be whole, for a command that prints no view."""
    from otel_agent.summary.text.warnings import warnings

    if reading := ledger.reading():
        print(f"Warning: {reading.in_words(stopped=False)}", file=sys.stderr)
    for warning in warnings(ledger):
        print(f"Warning: {warning}", file=sys.stderr)


def _unread(view: View) -> list[str]:
    from otel_agent.summary.text.captions import incomplete

    return [sentence] if (sentence := incomplete(view)) else []


def _warn_beside(views: Sequence[View], form: Format) -> None:
    """Print the warnings on standard error if the form has no place for them."""
    if form == "csv":
        for warning in dict.fromkeys(sentence for view in views for sentence in (*_unread(view), *view.warnings)):
            print(f"Warning: {warning}", file=sys.stderr)
