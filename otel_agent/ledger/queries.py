"""Reading the ledger beside its writer: plain numbers for reports. Nothing here writes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from otel_agent.errors import LedgerDamaged, LedgerNewer
from otel_agent.ledger import schema
from otel_agent.ledger.files import connect_to_read, ledger_path
from otel_agent.model import Overlap, State, Tokens

_ENDED: Final = "coalesce(m.completed_ms, m.created_ms)"
_PROJECT: Final = (
    "CASE WHEN max(m.worktree) NOT IN ('', '/') THEN max(m.worktree) "
    "WHEN s.directory <> '' THEN s.directory ELSE max(m.directory) END"
)
_SUMS: Final = "count(*), count(DISTINCT m.session_id), " + ", ".join(
    f"ifnull(sum(m.{column}), 0)"
    for column in (
        *("input", "output", "reasoning", "cache_read", "cache_write"),
        *("cached_in_input", "reasoning_in_output", "cost_nusd"),
    )
)


class Usage(Struct, frozen=True):
    """What a set of counted messages used."""

    messages: int
    sessions: int
    tokens: Tokens
    overlap: Overlap
    cost_nusd: int


class ActiveSession(Struct, frozen=True):
    id: str
    title: str
    directory: str
    usage: Usage


@contextmanager
def open_to_read(state_dir: Path) -> Iterator["Queries | None"]:
    """The ledger, ``None`` where there is none yet.

    Raises ``LedgerNewer`` and ``LedgerDamaged``.
    """
    path = ledger_path(state_dir)
    if not path.exists():
        yield None
        return
    with closing(connect_to_read(path)) as database:
        try:
            found = schema.version(database)
        except LedgerDamaged as damage:
            raise LedgerDamaged(f"cannot read the ledger {path}: {damage}. `otel-agent run` sets it aside.") from None
        if found > schema.VERSION:
            raise LedgerNewer(f"{path} was written by a newer otel-agent. Upgrade this one to read it.")
        yield Queries(database)


class Queries:
    """What a report asks. Each answer is of one moment."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def usage(self, since_ms: int) -> Usage:
        """All that ended at or after ``since_ms``."""
        query = f"SELECT {_SUMS} FROM message AS m WHERE m.state = ? AND {_ENDED} >= ?"
        return _usage(self._database.execute(query, (int(State.COUNTED), since_ms)).fetchone())

    def by_model(self, since_ms: int) -> list[tuple[str, Usage]]:
        """The same for each ``provider/model``, the most tokens first."""
        query = (
            f"SELECT m.provider || '/' || m.model, {_SUMS} FROM message AS m WHERE m.state = ? AND {_ENDED} >= ? "
            "GROUP BY m.provider, m.model "
            "ORDER BY sum(m.input + m.output + m.reasoning + m.cache_read + m.cache_write) DESC, 1"
        )
        return [(str(row[0]), _usage(row[1:])) for row in self._database.execute(query, (int(State.COUNTED), since_ms))]

    def active_sessions(self, since_ms: int) -> list[ActiveSession]:
        """Sessions with a message since then, the latest first, each with all it ever used."""
        query = (
            f"SELECT m.session_id, s.title, {_PROJECT}, {_SUMS} "
            "FROM message AS m JOIN session AS s ON s.id = m.session_id WHERE m.state = ? AND m.session_id IN "
            f"(SELECT m.session_id FROM message AS m WHERE m.state = ? AND {_ENDED} >= ?) "
            f"GROUP BY m.session_id ORDER BY max({_ENDED}) DESC"
        )
        counted = int(State.COUNTED)
        rows = self._database.execute(query, (counted, counted, since_ms))
        return [ActiveSession(row[0], row[1], row[2], _usage(row[3:])) for row in rows]

    def newest_ms(self) -> int | None:
        """When the newest counted message ended."""
        query = f"SELECT max({_ENDED}) FROM message AS m WHERE m.state = ?"
        found = self._database.execute(query, (int(State.COUNTED),)).fetchone()[0]
        return None if found is None else int(found)


def _usage(row: tuple[int, ...]) -> Usage:
    return Usage(row[0], row[1], Tokens(*row[2:7]), Overlap(*row[7:9]), row[9])
