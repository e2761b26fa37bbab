"""The notes in the ledger about the reading of a long history.

Each batch of a history writes them in its own transaction, so they are as true as the numbers beside them.
"""

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from otel_agent.ledger.reading import NOT_BEGUN, Reading

_READING: Final = "reading"
"""Key in ``meta``: the reading that is under way or was broken off. The end of the reading removes it."""
_STORES: Final = "stores_read"
"""Key in ``meta``: the names of the stores that were once read to their end."""
_SWEPT: Final = "swept_ms"
"""Key in ``meta`` that the first pass writes at its end, see ``Ledger.note_sweep``."""
_WITH_SWEEPS: Final = 2
"""The first version of a ledger that notes sweeps."""


class HistoryNotes:
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
