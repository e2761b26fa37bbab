"""What a ``TableReader`` begins with: how far its table was read, in which file, and whom it may ask."""

from typing import Final

import msgspec
from msgspec import Struct

from otel_agent.model import KILLED, AskWanted, Generation, Message, Recall

READS: Final = 1
"""Raise it when rows that were read before would be read better now: every table is then read once more."""
_LONGEST_RETRIES_MS: Final = 14_400_000
"""Ten attempts, each at most 15 minutes after the last one, and what they take."""
BEFORE_ALL: Final = -(2**63)
"""Lower than every rowid but this one itself, which no row has that OpenCode wrote. A row that has it is read each time."""


class Cursor(Struct):
    """The mark up to which one table was read."""

    inode: int = 0
    rowid: int = BEFORE_ALL
    tail: str = ""
    """The id at ``rowid``: another one there means that rows were deleted and their rowids used again."""
    updated_ms: int = 0
    """The newest ``time_updated`` seen."""
    swept_ms: int = 0
    """``updated_ms`` at the last sweep, and no later than the sweep: every row that was written before is known."""
    in_flight: list[str] = []
    silent: list[str] = []
    """The calls, since the last one that said what it used, that were complete and said nothing. No more than a few."""
    unknown: dict[str, str] = {}
    """The categories of tokens that are not known, each with the place of the first message that has it."""
    turns: dict[str, int] = {}
    """The last turns of 1.x, each with its mark when its changed lines were read: ``changed_lines.TurnLines``."""
    reads: int = 0
    """``READS`` of the release that read the rows."""

    def may_be_tried_again(self, message: Message) -> bool:
        """Return True for a call of 2.x that failed a short time ago. A retry uses the same row, and the totals do not
        wait for it."""
        failed = message.generation is Generation.V2 and message.error_type not in ("", KILLED)
        return failed and not message.tokens.total and self.updated_ms - message.created_ms < _LONGEST_RETRIES_MS


def left_at(recalled: bytes | None) -> Cursor:
    """Return the state that a reader left, or that of a reader that begins, if there is none or it is not ours."""
    try:
        return msgspec.json.decode(recalled, type=Cursor) if recalled else Cursor()
    except msgspec.DecodeError:
        return Cursor()  # everything is read again, and nothing counts twice


class DatabaseFile(Struct, frozen=True):
    """The database file that holds a table."""

    name: str
    inode: int


class Ask(Struct, frozen=True):
    """The two questions that a reader may ask the ledger."""

    recall: Recall
    wanted: AskWanted
