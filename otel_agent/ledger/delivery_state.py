"""What a person asks of the agent itself: what was counted from where, and how the deliveries stand."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from otel_agent.model import Message

_RECENT_MS: Final = 60_000
"""A delivery that goes well is written down again after this, and only where something new was delivered: an agent at
rest leaves the disk alone."""


class Counted(Struct, frozen=True):
    """What came from one store."""

    store: str
    generation: str
    messages: int


class Delivered(Struct, frozen=True):
    """How one signal stands. Times in milliseconds since the Unix epoch."""

    signal: str
    taken_ms: int | None
    """When something new was last taken, to the minute."""
    failing_ms: int | None
    """Since when nothing is taken."""
    reason: str


class DeliveryState:
    """Runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def note_counted(self, store: str, messages: Iterable[Message]) -> None:
        self._database.executemany(
            "INSERT INTO store VALUES (?1, ?2, ?3) ON CONFLICT (name, generation) DO UPDATE SET messages = messages + ?3",
            [(store, kind, number) for kind, number in Counter(each.generation.value for each in messages).items()],
        )

    def newest_ms(self) -> int | None:
        """When the newest counted message ended."""
        query = "SELECT max(coalesce(completed_ms, created_ms)) FROM message WHERE state = 2"
        found = self._database.execute(query).fetchone()[0]
        return None if found is None else int(found)

    def should_note(self, signal: str, reason: str, *, new: bool, now_ms: int) -> bool:
        """Whether what became of a delivery has to be written down. ``new``: it held something not sent before."""
        row = self._database.execute("SELECT taken_ms, reason FROM delivery WHERE signal = ?", (signal,)).fetchone()
        if row is None or row[1] != reason:
            return True
        return not reason and new and now_ms - (row[0] or 0) > _RECENT_MS

    def note_delivery(self, signal: str, reason: str, now_ms: int) -> None:
        """``reason``: why nothing was taken; empty where it was."""
        if reason:
            self._database.execute(
                "INSERT INTO delivery VALUES (?1, NULL, ?2, ?3) ON CONFLICT (signal) DO UPDATE "
                "SET failing_ms = coalesce(failing_ms, ?2), reason = ?3",
                (signal, now_ms, reason),
            )
        else:
            self._database.execute("INSERT OR REPLACE INTO delivery VALUES (?, ?, NULL, '')", (signal, now_ms))


def counted(database: sqlite3.Connection) -> list[Counted]:
    return [Counted(*row) for row in database.execute("SELECT name, generation, messages FROM store ORDER BY 1, 2")]


def deliveries(database: sqlite3.Connection) -> list[Delivered]:
    query = "SELECT signal, taken_ms, failing_ms, reason FROM delivery ORDER BY signal"
    return [Delivered(*row) for row in database.execute(query)]
