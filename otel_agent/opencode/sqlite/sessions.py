"""The sessions and projects that the rows of one table belong to."""

import sqlite3

from otel_agent.model import Problem, ProblemKind, Session
from otel_agent.opencode.sqlite.known_tables import Tables
from otel_agent.opencode.sqlite.parts import find_session, text_of
from otel_agent.opencode.sqlite.row_size import all_of


class Sessions:
    """Finds each session once in a read transaction, and each project once in a pass."""

    def __init__(self, database: sqlite3.Connection, tables: Tables, name: str) -> None:
        self._database, self._tables, self._name = database, tables, name
        self._found: dict[str, Session | None] = {}
        self._worktrees: dict[str, str] = {}
        """Project id, or the beginning of one, to its worktree; empty if it is unknown or could be either of two."""
        self._problems: list[Problem] = []

    def find(self, session_id: str) -> Session | None:
        """Return the session, ``None`` if it is gone."""
        if session_id not in self._found:
            too_large: list[str] = []
            self._found[session_id] = find_session(self._database, self._tables, session_id, too_large)
            if too_large:
                place = f"{self._name}#{session_id}"
                self._problems.append(Problem(ProblemKind.TOO_LARGE, place, ", ".join(too_large)))
        return self._found[session_id]

    def worktree_of_project(self, project_id: str) -> str:
        """Return the worktree of a project; empty if it is unknown or could be either of two."""
        if project_id not in self._worktrees:
            query = self._tables.project
            found = all_of(self._database, query, (project_id,)) if query else []
            self._worktrees[project_id] = text_of(found[0][0]) if len(found) == 1 else ""
        return self._worktrees[project_id]

    def take_problems(self) -> list[Problem]:
        """Return what was too large in the sessions that were found since the last time."""
        problems, self._problems = self._problems, []
        return problems

    def forget(self) -> None:
        """Forget the sessions: in the next read transaction they may be other ones."""
        self._found.clear()
