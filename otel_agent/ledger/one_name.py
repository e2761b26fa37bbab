"""One name for one agent and one project: how the messages of an older ledger get the names that are recorded now.

Only messages change, from which reports are made. The series stay as they were published. A series that merged into
another would make one counter fall, and another one rise by what was counted long ago.
"""

import sqlite3
from typing import Final

from otel_agent.model.agent_name import agent_name
from otel_agent.model.project import is_repository, made_worktree

_MADE_FOLDERS: Final = "m.worktree LIKE '%opencode_worktree_%'"
"""``_`` stands for either separator."""


def fold_agents(database: sqlite3.Connection) -> None:
    """Leave what is invisible out of the agents' names. Runs inside a migration."""
    recorded = [str(row[0]) for row in database.execute("SELECT DISTINCT agent FROM message")]
    database.executemany(
        "UPDATE message SET agent = ? WHERE agent = ?",
        [(agent_name(each), each) for each in recorded if agent_name(each) != each],
    )


def fold_worktrees(database: sqlite3.Connection) -> None:
    """Give messages in worktrees of OpenCode's own the repository of their session. Runs inside a migration."""
    places = database.execute(
        "SELECT DISTINCT s.worktree, m.session_id, m.worktree FROM message AS m "
        f"JOIN session AS s ON s.id = m.session_id WHERE {_MADE_FOLDERS}"
    ).fetchall()
    database.executemany(
        "UPDATE message SET worktree = ? WHERE session_id = ? AND worktree = ?",
        [place for place in places if is_repository(place[0]) and _is_made(place[2])],
    )


def _is_made(folder: str) -> bool:
    made = made_worktree(folder)
    # The ledger does not know the ids of projects, so only the path can tell.
    return made is not None and made.certain
