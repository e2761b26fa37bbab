"""How far the reading of a long history is, for everybody who asks while it goes on or after it was broken off.

Each batch of a history writes it in its own transaction, so it is as true as the numbers beside it.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

_READING: Final = "reading"
"""Key in ``meta``: the reading that is under way or was broken off. The end of the reading removes it."""
_STORES: Final = "stores_read"
"""Key in ``meta``: the names of the stores that were once read to their end."""
_SWEPT: Final = "swept_ms"
"""Key in ``meta`` that the first pass writes at its end, see ``Ledger.note_sweep``."""
_WITH_SWEEPS: Final = 2
"""The first version of a ledger that notes sweeps."""
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


class History:
    """The two rows of ``meta`` about the reading of history. Writes run inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def unfinished(self) -> Reading | None:
        """Return the reading that was noted and has not ended, ``None`` if there is none."""
        return _noted(self._database)

    def note(self, reading: Reading) -> None:
        """Replace the note of the reading that is under way."""
        _write(self._database, _READING, msgspec.json.encode(reading).decode())

    def end(self) -> None:
        """Note that the reading has ended."""
        self._database.execute("DELETE FROM meta WHERE key = ?", (_READING,))

    def stores(self) -> frozenset[str] | None:
        """Return the stores that were once read to their end; ``None`` if an older release wrote the ledger."""
        found = _find(self._database, _STORES)
        return None if found is None else msgspec.json.decode(found, type=frozenset[str])

    def note_stores(self, names: Iterable[str]) -> None:
        """Replace the stores that were once read to their end."""
        _write(self._database, _STORES, msgspec.json.encode(sorted(names)).decode())


def reading_keys(found: Reading | None, *, stopped: bool) -> dict[str, Any]:
    """Return the two keys that each JSON document with totals has: ``complete``, and ``reading``, which is null then."""
    if found is None:
        return {"complete": True, "reading": None}
    numbers = {"looked_at": found.looked_at, "found": found.found, "percent": found.percent}
    return {"complete": False, "reading": {**numbers, "stopped": stopped}}


def reading(database: sqlite3.Connection, version: int) -> Reading | None:
    """Return how far the reading of history is, ``None`` if it has ended and all totals are complete."""
    noted = _noted(database)
    # A first pass that has not written a batch yet has no note, and nothing to show for it.
    if noted is None and version >= _WITH_SWEEPS and _find(database, _SWEPT) is None:
        return NOT_BEGUN
    return noted


def _noted(database: sqlite3.Connection) -> Reading | None:
    found = _find(database, _READING)
    return None if found is None else msgspec.json.decode(found, type=Reading)


def _find(database: sqlite3.Connection, key: str) -> str | None:
    row = database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def _write(database: sqlite3.Connection, key: str, value: str) -> None:
    database.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
    )
