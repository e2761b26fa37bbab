"""The readers' checkpoints: how far each got at a place.

A checkpoint is true because the transaction that writes it also writes what was read.
"""

import sqlite3
from collections.abc import Iterable

from otel_agent.model import Checkpoint


def recall(database: sqlite3.Connection, place: str) -> bytes | None:
    """Return the state that a reader left at a place, ``None`` if it was never there."""
    row = database.execute("SELECT state FROM checkpoint WHERE place = ?", (place,)).fetchone()
    # Anything else is not what we wrote: the reader begins again, and nothing counts twice.
    return bytes(row[0]) if row is not None and isinstance(row[0], bytes) else None


def has_any_of(database: sqlite3.Connection, store: str) -> bool:
    """Return True if a reader left its state at any place of this store. It looks at all places."""
    query = "SELECT 1 FROM checkpoint WHERE instr(place, ?) LIMIT 1"
    return database.execute(query, (store,)).fetchone() is not None


def remember(database: sqlite3.Connection, checkpoints: Iterable[Checkpoint]) -> None:
    """Replace the states at these places."""
    database.executemany(
        "INSERT INTO checkpoint VALUES (?, ?) ON CONFLICT (place) DO UPDATE SET state = excluded.state",
        [(checkpoint.place, checkpoint.state) for checkpoint in checkpoints],
    )
