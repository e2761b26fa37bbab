"""The stores that could not be read when this was last tried: what is new in them is missing, or all that is in them."""

import os
import sqlite3
from collections.abc import Collection
from typing import Final

from msgspec import Struct

from otel_agent.ledger.problems import WHOLE_IN_SQL
from otel_agent.ledger.store_counts import messages_by_store
from otel_agent.model import ProblemKind

_LASTING: Final = (ProblemKind.DAMAGED, ProblemKind.NO_ACCESS, ProblemKind.NOT_LISTED, ProblemKind.UNEXPECTED)
"""What ends only if somebody does something."""
_LONGEST_LOCK_MS: Final = 600_000
"""OpenCode locks its database for a moment, and a migration of it takes minutes."""
_UNSEEN: Final = (ProblemKind.NO_ACCESS, ProblemKind.NOT_LISTED, ProblemKind.LOCKED, ProblemKind.SILENT)
"""What keeps a place from being known: nobody can say that it holds no store of OpenCode's."""


class UnreadableStore(Struct, frozen=True):
    """A store, or a place that can hold one, and what keeps its messages from being read."""

    name: str
    messages: int
    """Number of the messages that were counted from it; 0 if it was never read."""
    kind: ProblemKind
    place: str
    """The store, a table of it, or a folder in which it is."""
    noticed_ms: int
    """When this was first met; the store can have been so before."""

    @property
    def is_hidden(self) -> bool:
        """True if a folder cannot be looked into, so that nobody sees whether the store is there."""
        return not self.messages or not self.place.startswith(self.name)

    def is_alarm(self, now_ms: float) -> bool:
        """Return True if only a person can end it. A lock is an alarm after ten minutes."""
        return self.kind in _LASTING or (
            self.kind is ProblemKind.LOCKED and self.noticed_ms <= now_ms - _LONGEST_LOCK_MS
        )


def unreadable_stores(database: sqlite3.Connection) -> list[UnreadableStore]:
    """Return each such store once, by name, with what was met first. One that is being read is none.

    A file that is damaged and never was a store of OpenCode's is none either.
    """
    stores = messages_by_store(database)
    found: dict[str, UnreadableStore] = {}
    unknown: list[UnreadableStore] = []
    # The first one stays: what was met first, but a lock only if nothing lasts.
    query = (
        f"SELECT kind, place, seen_ms FROM problem WHERE kind IN ({WHOLE_IN_SQL}) AND kind <> '{ProblemKind.BUSY.value}' "
        f"ORDER BY kind = '{ProblemKind.LOCKED.value}', seen_ms, place"
    )
    for value, place, noticed_ms in database.execute(query):
        kind, inside = ProblemKind(value), f"{place.rstrip(os.sep)}{os.sep}"
        concerned = [
            name for name in stores if place == name or place.startswith(f"{name}#") or name.startswith(inside)
        ]
        # In a folder that only cannot be listed, a known store is found by its name. Without one, nobody knows what is in it.
        for name in concerned if kind is not ProblemKind.NOT_LISTED else ():
            found.setdefault(name, UnreadableStore(name, stores[name], kind, place, noticed_ms))
        if not concerned and kind in _UNSEEN and _can_hold_messages(place, stores):
            unknown.append(UnreadableStore(place, 0, kind, place, noticed_ms))
    # A folder may have been noted with folders that are in it.
    outer = {f"{each.place}{os.sep}" for each in (*found.values(), *unknown)}
    found |= {each.name: each for each in unknown if not any(each.place.startswith(folder) for folder in outer)}
    return [found[name] for name in sorted(found)]


def _can_hold_messages(place: str, stores: Collection[str]) -> bool:
    """Return True for a database or a folder that is in no known store. What is beside a tree's messages is a part of it."""
    name = place.rpartition(os.sep)[2]
    is_part = "#" in name or (f"{os.sep}storage{os.sep}" in place and name != "message")
    return not is_part and not any(place.startswith(f"{store}{os.sep}") for store in stores)
