"""The stores that gave messages before and could not be read when this was last tried: what is new in them is missing."""

import os
import sqlite3
from typing import Final

from msgspec import Struct

from otel_agent.ledger.problems import WHOLE_IN_SQL
from otel_agent.model import ProblemKind

_LASTING: Final = (ProblemKind.DAMAGED, ProblemKind.NO_ACCESS, ProblemKind.UNEXPECTED)
"""What ends only if somebody does something."""
_LONGEST_LOCK_MS: Final = 600_000
"""OpenCode locks its database for a moment, and a migration of it takes minutes."""


class UnreadableStore(Struct, frozen=True):
    """A store of which messages are counted, and what keeps the others from being read."""

    name: str
    messages: int
    """Number of the messages that were counted from it."""
    kind: ProblemKind
    place: str
    """The store, a table of it, or a folder in which it is."""
    noticed_ms: int
    """When this was first met; the store can have been so before."""

    @property
    def is_hidden(self) -> bool:
        """True if a folder above it cannot be looked into, so that nobody sees whether it is still there."""
        return not self.place.startswith(self.name)

    def is_alarm(self, now_ms: float) -> bool:
        """Return True if only a person can end it. A lock is an alarm after ten minutes."""
        return self.kind in _LASTING or (
            self.kind is ProblemKind.LOCKED and self.noticed_ms <= now_ms - _LONGEST_LOCK_MS
        )


def unreadable_stores(database: sqlite3.Connection) -> list[UnreadableStore]:
    """Return each such store once, by name, with what was met first. One that is being read is none.

    A file that never was a store of OpenCode's is none either.
    """
    query = (
        "SELECT name, messages, kind, place, seen_ms FROM problem "
        "JOIN (SELECT name, sum(messages) AS messages FROM store GROUP BY name HAVING sum(messages) > 0) "
        "ON place = name OR instr(place, name || '#') = 1 OR instr(name, rtrim(place, ?1) || ?1) = 1 "
        f"WHERE kind IN ({WHOLE_IN_SQL}) AND kind <> '{ProblemKind.BUSY.value}' "
        # The last one stays: what was met first, and no lock beside what lasts.
        f"ORDER BY name, kind = '{ProblemKind.LOCKED.value}' DESC, seen_ms DESC"
    )
    rows = database.execute(query, (os.sep,))
    found = {name: UnreadableStore(name, number, ProblemKind(kind), *where) for name, number, kind, *where in rows}
    return list(found.values())
