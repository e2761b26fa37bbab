"""Where a session of 2.x was when a row was written: a person can move it to another folder, and so to another project.

Its record has the last place only. A row in the session says that it was moved, and from where.
"""

import sqlite3
from typing import Final

from msgspec.structs import replace

from otel_agent.model import Session
from otel_agent.opencode.sqlite.known_tables import Tables
from otel_agent.opencode.sqlite.parts import text_of
from otel_agent.opencode.sqlite.row_order import END, START, Place, RowOrder
from otel_agent.opencode.sqlite.row_size import first_of
from otel_agent.opencode.worktrees import WorktreeOf

_MOVED: Final = "location-switched"


class Whereabouts:
    """Finds the place of a session at a row. What it keeps in mind is true until ``forget``, so for one read transaction."""

    def __init__(
        self, database: sqlite3.Connection, tables: Tables, order: RowOrder, worktree_of_project: WorktreeOf
    ) -> None:
        self._database, self._messages, self._order = database, tables.messages, order
        self._worktree_of_project = worktree_of_project
        self._last_move: dict[str, int] = {}
        """Session to the number of the last row that moves it, ``START`` if there is none: nearly always."""
        self._before: dict[str, Session] = {}
        """Row that moves a session to the session as it was before."""

    def forget(self) -> None:
        """Forget what was found in the last read transaction."""
        self._last_move.clear()
        self._before.clear()

    def at(self, session: Session, place: Place | None) -> Session:
        """Return the session with the folder and the worktree that it had at a row of its own."""
        if place is None or place.seq > self._moved_last(session.id):
            return session
        move = self._order.find(_MOVED, session.id, place.seq, END)
        if move is None:
            return session
        if move.id not in self._before:
            self._before[move.id] = self._read(session, move.id)
        return self._before[move.id]

    def _moved_last(self, session_id: str) -> int:
        last = self._last_move.get(session_id)
        if last is None:
            move = self._order.find(_MOVED, session_id, START, END, newest=True)
            last = self._last_move[session_id] = START if move is None else move.seq
        return last

    def _read(self, session: Session, move_id: str) -> Session:
        """Return the session as it was before a move. A row that does not say where that was changes nothing."""
        query = (
            "SELECT json_extract(data, '$.previous.location.directory'), json_extract(data, '$.previous.projectID') "
            f"FROM {self._messages} WHERE id = ? AND json_valid(data)"
        )
        row = first_of(self._database, query, (move_id,))
        directory, project_id = (text_of(row[0]), text_of(row[1])) if row is not None else ("", "")
        if not directory:
            return session
        # Without a known project, the folder itself is what a session outside any has.
        worktree = self._worktree_of_project(project_id) if project_id else ""
        return replace(session, directory=directory, worktree=worktree)
