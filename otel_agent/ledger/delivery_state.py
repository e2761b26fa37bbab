"""The delivery of each signal in short: when it last succeeded, and since when it fails."""

import sqlite3
from typing import Final

from msgspec import Struct

from otel_agent.ledger.facts import Facts

_RECENT_MS: Final = 60_000
"""Successful deliveries are noted at most this often, and only if they held something new: an agent at rest must not
write to the disk."""

REJECTS_ALL: Final = "the backend accepts requests and rejects all that is in them"
"""How the reason begins if a partial success left out everything. It is not sent again."""
_REJECTED: Final = "rejected_"
"""How the facts begin that say how many items of a signal were rejected so."""


class SignalDelivery(Struct, frozen=True):
    """The delivery of one signal. Times are in milliseconds since the Unix epoch.

    The names of the fields are those that ``otel-agent status --json`` prints.
    """

    signal: str
    taken_ms: int | None
    """When the backend last accepted something new, to the minute."""
    failing_ms: int | None
    """Start of the failure that lasts until now; ``None`` while deliveries succeed."""
    reason: str
    """The last failure in words; empty while deliveries succeed."""
    rejected: int = 0
    """Items that the backend left out of requests that it accepted, since the ledger began. They are not sent again."""

    @property
    def rejects_all(self) -> bool:
        """True if what was sent last was rejected for good, and nothing of it was accepted."""
        return self.reason.startswith(REJECTS_ALL)


class DeliveryState:
    """The table ``delivery``. Runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database, self._facts = database, Facts(database)

    def should_note(self, signal: str, reason: str, *, new: bool, now_ms: int, partly: bool = False) -> bool:
        """True if the outcome of a delivery has to be written down. ``new``: it held something not sent before.

        ``partly`` says that the backend accepts all but what ``reason`` names.
        """
        row = self._database.execute("SELECT taken_ms, reason FROM delivery WHERE signal = ?", (signal,)).fetchone()
        # Deliveries began to fail, succeed again, or fail for another reason.
        if row is None or row[1] != reason:
            return True
        return (not reason or partly) and new and now_ms - (row[0] or 0) > _RECENT_MS

    def note_delivery(self, signal: str, reason: str, now_ms: int, *, partly: bool = False) -> None:
        """Note the outcome of a delivery. ``reason`` says what was not accepted; it is empty after a success.

        ``partly`` says that the backend accepted the rest: it is the time of the last success too.
        """
        if partly:
            self._database.execute(
                "INSERT INTO delivery VALUES (?1, ?2, ?2, ?3) ON CONFLICT (signal) DO UPDATE "
                "SET taken_ms = ?2, failing_ms = coalesce(failing_ms, ?2), reason = ?3",
                (signal, now_ms, reason),
            )
        elif reason:
            # A failure that goes on keeps its start, and the time of the last success.
            self._database.execute(
                "INSERT INTO delivery VALUES (?1, NULL, ?2, ?3) ON CONFLICT (signal) DO UPDATE "
                "SET failing_ms = coalesce(failing_ms, ?2), reason = ?3",
                (signal, now_ms, reason),
            )
        else:
            self._database.execute("INSERT OR REPLACE INTO delivery VALUES (?, ?, NULL, '')", (signal, now_ms))

    def add_rejected(self, signal: str, items: int) -> None:
        """Add items that the backend left out of requests that it accepted."""
        self._facts.note(_REJECTED + signal, self._facts.number(_REJECTED + signal) + items)

    def end_failure(self, signal: str) -> None:
        """Note that a signal is not delivered any more because nobody wants it: that is no failure."""
        self._database.execute("UPDATE delivery SET failing_ms = NULL, reason = '' WHERE signal = ?", (signal,))

    def fails(self, signal: str) -> bool:
        """True if a delivery of this signal is noted as failed."""
        query = "SELECT 1 FROM delivery WHERE signal = ? AND failing_ms IS NOT NULL"
        return self._database.execute(query, (signal,)).fetchone() is not None


def deliveries(database: sqlite3.Connection) -> list[SignalDelivery]:
    """Return the delivery of each signal that was ever sent, by the signal's name."""
    query = "SELECT signal, taken_ms, failing_ms, reason FROM delivery ORDER BY signal"
    facts = Facts(database)
    return [
        SignalDelivery(signal, taken_ms, failing_ms, reason, facts.number(_REJECTED + signal))
        for signal, taken_ms, failing_ms, reason in database.execute(query)
    ]
