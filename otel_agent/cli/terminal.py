"""The abilities of the terminal that a command runs in."""

import sys
from collections.abc import Mapping


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
