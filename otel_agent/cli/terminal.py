"""The abilities of the terminal that a command runs in."""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_COLUMNS: Final = 240
"""Width of what a pipe or a file gets: wide enough that no usual name is cut, and a person can still read it."""


def console() -> "Console":
    """Return standard output as wide as its terminal or as ``COLUMNS`` says, and wide if it is no terminal."""
    from rich.console import Console

    known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    return Console() if known else Console(width=_PIPE_COLUMNS)


def columns(stream: TextIO | None = None) -> int | None:
    """Return the width of the terminal that standard output is, or another stream; ``None`` if it is none.

    Lines may have any width then.
    """
    if not (stream or sys.stdout).isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def wrapped(text: str) -> str:
    """Return a text for people with its lines broken between words, if standard output is a terminal."""
    if (width := columns()) is None:
        return text
    import re
    import textwrap

    return "\n".join(
        textwrap.fill(
            line,
            width,
            # Below the text of a numbered line, too.
            subsequent_indent=re.sub(r"^(\s*(?:\d\s+)?).*", lambda found: " " * len(found[1]), line),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.split("\n")
    )


def can_move_cursor(environ: Mapping[str, str]) -> bool:
    """True if the terminal of standard output can put its cursor anywhere, as far as the system knows its kind.

    ``TERM`` in ``environ`` names the kind. Standard output must be a terminal.
    """
    # Windows has no such variable.
    if sys.platform == "win32":
        return True
    kind = environ.get("TERM") or "unknown"
    if kind in ("dumb", "unknown"):
        return False
    try:
        import curses
    except ImportError:  # an interpreter can be built without it
        return True
    try:
        curses.setupterm(kind, sys.stdout.fileno())
    except curses.error:
        # The system's list does not have this kind. It is probably a new one, and every new one can.
        return True
    return curses.tigetstr("cup") is not None
