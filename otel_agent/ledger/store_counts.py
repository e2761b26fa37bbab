"""Number of messages that were counted from each store: a person asks for it, no total depends on it."""

import sqlite3
from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from otel_agent.model import Message


class StoreCount(Struct, frozen=True):
    """Messages that were counted from one store in one of OpenCode's storage formats."""

    store: str
    generation: str
    messages: int


class StoreCounts:
    """The table ``store``. Runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def add(self, store: str, messages: Iterable[Message]) -> None:
        """Add messages that are counted now for the first time."""
        by_generation = Counter(message.generation for message in messages)
        self._database.executemany(
            "INSERT INTO store VALUES (?1, ?2, ?3) ON CONFLICT (name, generation) DO UPDATE SET messages = messages + ?3",
            [(store, generation.value, number) for generation, number in by_generation.items()],
        )

    def names(self) -> list[str]:
        """Return the stores from which messages were counted, also those that went away."""
        return [row[0] for row in self._database.execute("SELECT DISTINCT name FROM store ORDER BY 1")]


def store_counts(database: sqlite3.Connection) -> list[StoreCount]:
    """Return one entry for each store and storage format, by name. Stores that went away stay in it."""
    return [StoreCount(*row) for row in database.execute("SELECT name, generation, messages FROM store ORDER BY 1, 2")]


def messages_by_store(database: sqlite3.Connection) -> dict[str, int]:
    """Return the number of messages that were counted from each store."""
    return dict(database.execute("SELECT name, sum(messages) FROM store GROUP BY name").fetchall())
