"""What is shown on the live screen as a file that a person names: never over another one."""

import os
import re
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from otel_agent.errors import OtelAgentError, UsageError
from otel_agent.private_files import open_private
from otel_agent.settings.user_folders import without_tilde
from otel_agent.summary.formats import WRITERS, format_of
from otel_agent.summary.limit import sum_of
from otel_agent.summary.live.listing import Listing
from otel_agent.summary.view import View

_OFFERED: Final = ".csv"
"""The ending of the name that is offered. Another one chooses another format."""


def offered_name(view: View) -> str:
    """Return the name of the file that a person is offered."""
    return f"otel-agent-{view.name}-{view.now:%Y-%m-%d}{_OFFERED}"


def name_for_session(session_id: str) -> str:
    """Return the name of the file for one session. An id is text from storage, and may not be part of a path."""
    return f"otel-agent-session-{re.sub(r'[^A-Za-z0-9_-]', '_', session_id)}.json"


def write_shown(listing: Listing, name: str, folder: Path) -> Path:
    """Write the rows that are shown into a file of this name, in ``folder`` unless it says another, and return its path.

    The ending of the name chooses the format. Raises ``OtelAgentError`` if there is such a file, or it cannot be written.
    """
    file = folder / without_tilde(Path(name))
    write_new(file, WRITERS[format_of(file)]([shown_view(listing)]))
    return file


def write_new(file: Path, content: str) -> None:
    """Write a file that only its owner reads. Raises ``OtelAgentError`` if it is there already, or cannot be written."""
    try:
        # A file that is there is never opened: it may be somebody's work.
        with os.fdopen(open_private(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as opened:
            opened.write(content.encode())
    except FileExistsError:
        raise UsageError(f"{file} is there already. Name another file.") from None
    except OSError as error:
        raise OtelAgentError(f"cannot write {file}: {error.strerror}. Name another file.") from None


def shown_view(listing: Listing) -> View:
    """Return the view with the rows that the filter leaves, which it then says, and their sum."""
    view = listing.view
    if not listing.only:
        return view
    filtered = f'Only rows with "{listing.only}" are shown, and only they are in the total.'
    return replace(view, rows=listing.rows, totals=sum_of(view.name, listing.rows), hints=(filtered, *view.hints))
