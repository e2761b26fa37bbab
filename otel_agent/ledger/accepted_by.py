"""Which backend accepted the totals, and since when: what another one accepted before, this one does not have.

Two facts hold this. A series counts as accepted only if that was so since ``accepted_since_ns``. Its last accepted value
stays its baseline in any case, so that it never falls.
"""

import sqlite3
from collections.abc import Mapping
from typing import Final

from otel_agent.ledger.facts import Facts

BACKEND: Final = "accepted_by"
SINCE: Final = "accepted_since_ns"
INCREMENTS: Final = " (increments)"
"""The end of the name of a backend that gets increments: it is another one than the same address with totals."""


class AcceptedBy:
    """Finds and notes these facts. Everything that writes runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection, facts: Facts) -> None:
        self._database, self._facts = database, facts

    @property
    def backend(self) -> str:
        """The backend that accepted totals last, in words without keys; empty if none did or nobody knows."""
        return self._facts.find(BACKEND) or ""

    @property
    def since_ns(self) -> int:
        """The time from which on it accepted them; 0 or 1 if it accepted all that were ever accepted."""
        return self._facts.number(SINCE)

    @property
    def nothing(self) -> bool:
        """True if no total was ever accepted."""
        return self._database.execute("SELECT 1 FROM series WHERE told_ns > 0 LIMIT 1").fetchone() is None

    def note(self, backend: str, since_ns: int) -> None:
        """Note which backend accepts totals, and since when."""
        self._facts.note(BACKEND, backend)
        self._facts.note(SINCE, since_ns)


def of_facts(facts: Mapping[str, str]) -> tuple[str, int]:
    """Return the backend and the time from the table ``meta``. Without them only what has no time was never accepted.

    A backend that gets increments has the time zero: history needs none, and counts as accepted.
    """
    return facts.get(BACKEND, ""), int(facts.get(SINCE, 1))
