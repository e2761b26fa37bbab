"""The contexts of messages: provider, model, agent, project and source, each set of them once.

The same few texts would repeat in every message. A message names its context by number instead, which makes the ledger
a fifth smaller. All sums by model, agent or project are sums over contexts.
"""

import sqlite3
from typing import Final

from otel_agent.model import Message

_COLUMNS: Final = "provider, model, agent, worktree, directory, source"

ContextKey = tuple[str, str, str, str, str, int]
"""Provider, model, agent, worktree, directory, and the number of the ``UsageSource``."""


class Contexts:
    """The names in the table ``context``. Runs inside the writer's transaction."""

    _MOST: Final = 10_000
    """Contexts that are remembered; a further one empties the memory, which costs one look-up each."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._numbers: dict[ContextKey, int] = {}
        self._keys: dict[int, ContextKey] = {}

    def number_of(self, message: Message) -> int:
        """Return the number of the message's context, and enter a new one."""
        # An enumeration hashes itself in Python, its number does not: a third of this look-up.
        source = message.source._value_
        key = (message.provider, message.model, message.agent, message.worktree, message.directory, source)
        return self._numbers.get(key) or self._enter(key)

    def key_of(self, number: int) -> ContextKey:
        """Return what names the context with this number."""
        return self._keys.get(number) or self._look_up(number)

    def forget(self) -> None:
        """Forget what is remembered: a transaction that fails takes the contexts back that it entered."""
        self._numbers.clear()
        self._keys.clear()

    def _enter(self, key: ContextKey) -> int:
        # A conflict changes nothing, but only a changed row is returned.
        query = (
            f"INSERT INTO context ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) "
            f"ON CONFLICT ({_COLUMNS}) DO UPDATE SET source = excluded.source RETURNING number"
        )
        number = int(self._database.execute(query, key).fetchone()[0])
        self._remember(number, key)
        return number

    def _look_up(self, number: int) -> ContextKey:
        found: ContextKey = self._database.execute(
            f"SELECT {_COLUMNS} FROM context WHERE number = ?", (number,)
        ).fetchone()
        self._remember(number, found)
        return found

    def _remember(self, number: int, key: ContextKey) -> None:
        if len(self._keys) >= self._MOST:
            self.forget()
        self._numbers[key], self._keys[number] = number, key
