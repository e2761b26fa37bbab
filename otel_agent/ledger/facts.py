"""The facts about a ledger as a whole: the table ``meta``."""

import sqlite3

from otel_agent.errors import LedgerDamaged


class Facts:
    """Finds and notes facts. Everything that writes runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def find(self, key: str) -> str | None:
        """Return a fact, ``None`` if it was never noted."""
        row = self._database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def require(self, key: str) -> str:
        """Return a fact that every ledger has. Raises ``LedgerDamaged`` if this one has not."""
        value = self.find(key)
        if value is None:
            raise LedgerDamaged(f"the ledger has no {key}")
        return value

    def number(self, key: str) -> int:
        """Return a fact that is a number, 0 if it was never noted. Raises ``LedgerDamaged`` for anything else."""
        value = self.find(key) or "0"
        try:
            return int(value)
        except ValueError:
            raise LedgerDamaged(f"the ledger's {key} is no number") from None

    def note(self, key: str, value: object) -> None:
        """Replace a fact."""
        self._database.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, str(value))
        )

    def forget(self, key: str) -> None:
        """Remove a fact."""
        self._database.execute("DELETE FROM meta WHERE key = ?", (key,))

    def all(self) -> dict[str, str]:
        """Return all facts."""
        return dict(self._database.execute("SELECT key, value FROM meta").fetchall())
