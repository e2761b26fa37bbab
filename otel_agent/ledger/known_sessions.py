"""The sessions of counted messages: whether one was counted already, and whether it has series of its own."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from otel_agent.ledger import records
from otel_agent.model import Message, Session


class KnownSession(Struct, frozen=True):
    """The ledger's knowledge of a session."""

    subagent: bool
    counted: bool


class Sessions:
    """The table ``session``. Runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def enter(self, sessions: Iterable[Session], messages: Iterable[Message]) -> None:
        """Enter or update the sessions. A message whose session was not read gets a session without facts."""
        self._database.executemany(
            f"INSERT INTO session ({records.SESSION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET parent_id = excluded.parent_id, worktree = excluded.worktree, "
            "directory = excluded.directory, title = excluded.title, version = excluded.version, "
            "created_ms = excluded.created_ms, forked = excluded.forked",
            [records.session_row(session) for session in sessions],
        )
        self._database.executemany(
            "INSERT INTO session (id) VALUES (?) ON CONFLICT (id) DO NOTHING",
            [(key,) for key in {message.session_id for message in messages}],
        )

    def known(self, ids: Collection[str]) -> dict[str, KnownSession]:
        """Return the sessions with these ids that were entered."""
        query = "SELECT id, parent_id, counted FROM session WHERE id IN (SELECT value FROM json_each(?))"
        return {
            row[0]: KnownSession(bool(row[1]), bool(row[2]))
            for row in self._database.execute(query, (records.ids(list(ids)),))
        }

    def repository_of(self, directory: str) -> str:
        """Return the worktree of the project that the newest session in this folder belongs to, empty if there is none."""
        query = "SELECT worktree FROM session WHERE directory = ? ORDER BY created_ms DESC LIMIT 1"
        row = self._database.execute(query, (directory,)).fetchone()
        return "" if row is None else str(row[0])

    def mark_counted(self, ids: Collection[str]) -> None:
        """Note that a message of each of these sessions counts."""
        self._database.executemany(
            "UPDATE session SET counted = 1 WHERE id = ? AND NOT counted", [(key,) for key in ids]
        )

    def tracked(self, ids: Sequence[str]) -> set[str]:
        """Return which of the sessions have series of their own."""
        query = "SELECT id FROM session WHERE tracked AND id IN (SELECT value FROM json_each(?))"
        return {row[0] for row in self._database.execute(query, (records.ids(list(ids)),))}

    def track(self, session_id: str) -> None:
        """Note that the session has series of its own from now on."""
        self._database.execute("UPDATE session SET tracked = 1 WHERE id = ?", (session_id,))

    def forget_tracked(self) -> None:
        """Note that no session has series of its own any more."""
        self._database.execute("UPDATE session SET tracked = 0 WHERE tracked")
