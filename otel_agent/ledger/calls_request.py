"""A wish of a summary to the agent that has the ledger: read the tool calls of the history too.

It is an empty file in the state folder. The agent removes it once it has read all of them.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

from otel_agent.private_files import replace_private

_NAME: Final = "calls.wanted"


def ask(state_dir: Path) -> None:
    """Ask. Raises ``OSError`` if the folder cannot be written."""
    replace_private(state_dir / _NAME, b"")


def is_asked(state_dir: Path) -> bool:
    """Return True if somebody asked."""
    return (state_dir / _NAME).is_file()


def answered(state_dir: Path) -> None:
    """Note that all was read."""
    with suppress(OSError):
        (state_dir / _NAME).unlink()
