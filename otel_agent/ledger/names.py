"""The names that a ledger knows, read at a glance: nothing is created, locked or waited for, and a few may be missing."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, Literal

from otel_agent.ledger.place import ledger_path
from otel_agent.model import UsageSource

Kind = Literal["models", "agents", "projects", "sessions"]

_MOST: Final = 2_000
"""Nobody chooses among more, and a shell takes long to sort them."""
_NAMED: Final = f"first_ms IS NOT NULL AND source <> {UsageSource.UNATTRIBUTED:d}"
_QUERIES: Final[dict[Kind, str]] = {
    "models": f"SELECT provider, model FROM context WHERE {_NAMED} AND model <> '' GROUP BY 1, 2 ORDER BY max(last_ms) DESC",
    "agents": f"SELECT agent FROM context WHERE {_NAMED} AND agent <> '' GROUP BY 1 ORDER BY max(last_ms) DESC",
    "projects": f"SELECT worktree, directory FROM context WHERE {_NAMED} GROUP BY 1, 2 ORDER BY max(last_ms) DESC",
    "sessions": "SELECT u.session_id, ifnull(s.title, '') FROM session_use AS u "
    "LEFT JOIN session AS s ON s.id = u.session_id ORDER BY u.last_ms DESC",
}


def names(state_dir: Path, kind: Kind) -> Sequence[tuple[str, ...]]:
    """Return the names, the latest used first: (provider, model), (agent,), (worktree, directory) or (session id, title).

    Empty if there is no ledger, or none that can be read at once.
    """
    path = ledger_path(state_dir)
    # Beside a writer its shared memory is there. Without one a reader would create it, unless it takes the file as it is.
    how = "mode=ro" if Path(f"{path}-shm").exists() else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=0)) as database:
            rows = database.execute(f"{_QUERIES[kind]} LIMIT {_MOST}").fetchall()
    except (sqlite3.Error, OSError):
        return []
    return [tuple(map(str, row)) for row in rows]
