"""Lines of code, as OpenCode counts them itself."""

from msgspec import Struct


class Lines(Struct, frozen=True, gc=False, array_like=True):
    """The lines that OpenCode says were added and removed: in a whole session, or in one turn of it."""

    session_id: str
    turn_id: str
    """The user message of the turn; empty for what the session says of all of it."""
    added: int
    removed: int


class GainedLines(Struct, frozen=True, gc=False):
    """Lines that count now, and the project that they belong to."""

    project_directory: str
    added: int
    removed: int
