"""The readers' checkpoints: how far each got at a place.

A checkpoint is true because the transaction that writes it also writes what was read.
"""

import sqlite3
from collections.abc import Iterable

from otel_agent.model import Checkpoint


def recall(database: sqlite3.Connection, place: str) -> bytes | None:
    """Return the state that a reader left at a place, ``None`` if it was never there."""
    row = database.execute("SELECT state FROM checkpoint WHERE place = ?", (place,)).fetchone()
    return None if row is None else bytes(row[0])


def remember(database: sqlite3.Connection, checkpoints: Iterable[Checkpoint]) -> None:
    """Replace the states at these places."""
    database.executemany(
        "INSERT INTO checkpoint VALUES (?, ?) ON CONFLICT (place) DO UPDATE SET state = excluded.state",
        [(checkpoint.place, checkpoint.state) for checkpoint in checkpoints],
    )
