"""How far the reading of a long history is, for everybody who asks while it goes on or after it was broken off.

``history`` keeps it in the ledger. Nothing here needs a database: a summary's help imports it too.
"""

from typing import Any, Final

from msgspec import Struct

_MOST_PERCENT: Final = 99
"""Shown as long as the reading has not ended: files may appear while others are read."""
_INCOMPLETE: Final = "totals are incomplete"
_NEXT: Final = "`otel-agent summary` or `otel-agent run`"


class Reading(Struct, frozen=True):
    """The reading of a history that has not ended."""

    looked_at: int = 0
    """Files and rows that were looked at …"""
    found: int = 0
    """… of about so many; 0 if they were not counted."""

    @property
    def percent(self) -> int:
        """The part that was looked at, from 0 to 99."""
        return min(100 * self.looked_at // self.found, _MOST_PERCENT) if self.found else 0

    def in_words(self, *, stopped: bool) -> str:
        """Return how far it is as a sentence. ``stopped``: nobody reads on now, so it also says what to do."""
        # Without the number of files and rows there is no part of them.
        part = f"{self.percent} %" if self.found else ""
        if not stopped:
            return f"Still reading history{part and ': '}{part}; {_INCOMPLETE}."
        if not self.looked_at:
            return f"History was not read yet; {_INCOMPLETE}. {_NEXT} reads it."
        return f"Reading history stopped{part and ' at '}{part}; {_INCOMPLETE}. {_NEXT} continues it."


NOT_BEGUN: Final = Reading()
"""The state of a ledger that is new or not there yet."""


def reading_keys(found: Reading | None, *, stopped: bool) -> dict[str, Any]:
    """Return the two keys that each JSON document with totals has: ``complete``, and ``reading``, which is null then."""
    if found is None:
        return {"complete": True, "reading": None}
    numbers = {"looked_at": found.looked_at, "found": found.found, "percent": found.percent}
    return {"complete": False, "reading": {**numbers, "stopped": stopped}}
