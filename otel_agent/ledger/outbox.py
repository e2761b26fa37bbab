"""The spans that are owed: each stays until the backend took it, across restarts."""

import sqlite3
from collections.abc import Sequence

from msgspec import Struct

from otel_agent.ledger import rows
from otel_agent.model import Message, Session


class Owed(Struct, frozen=True):
    number: int
    """Names it towards the outbox."""
    message: Message
    session: Session


class Outbox:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __len__(self) -> int:
        """How many are owed, those refused included."""
        return int(self._database.execute("SELECT count(*) FROM owed").fetchone()[0])

    def oldest(self, limit: int) -> list[Owed]:
        """The next to deliver, oldest entry first; those refused on their own are left out until the next start."""
        message = ", ".join(f"m.{name}" for name in rows.MESSAGE_COLUMNS.split(", "))
        session = ", ".join(f"s.{name}" for name in rows.SESSION_COLUMNS.split(", "))
        query = (
            f"SELECT o.message, {message}, {session} FROM owed AS o "
            "JOIN message AS m ON m.number = o.message JOIN session AS s ON s.id = m.session_id "
            "WHERE NOT o.refused ORDER BY o.message LIMIT ?"
        )
        return [
            Owed(row[0], rows.message(row[1:27]), rows.session(row[27:]))
            for row in self._database.execute(query, (limit,))
        ]

    def taken(self, numbers: Sequence[int]) -> None:
        self._database.executemany("DELETE FROM owed WHERE message = ?", [(number,) for number in numbers])

    def clear(self) -> None:
        self._database.execute("DELETE FROM owed")

    def refuse(self, number: int) -> None:
        """Keep it, and do not try it again until the next start."""
        self._database.execute("UPDATE owed SET refused = 1 WHERE message = ?", (number,))

    def retry(self, numbers: Sequence[int]) -> None:
        """Owe these as if they had never been refused."""
        self._database.executemany("UPDATE owed SET refused = 0 WHERE message = ?", [(number,) for number in numbers])

    def retry_refused(self) -> None:
        self._database.execute("UPDATE owed SET refused = 0 WHERE refused")
