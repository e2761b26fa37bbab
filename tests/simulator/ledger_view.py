"""What the oracle reads in the ledger's file, with SQL of its own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.simulator.books import SeriesKey


def first_look_is_over(state: Path) -> bool:
    """True if the agent noted that it has looked at everything once."""
    return bool(_rows(state, "SELECT value FROM meta WHERE key = 'swept_ms'"))


def totals(state: Path) -> dict[SeriesKey, int]:
    """Return the total of each series; for a histogram the number of its observations."""
    found = _rows(state, "SELECT metric, attributes, iif(buckets = '[]', value, count) FROM series")
    return {(metric, frozenset(json.loads(attributes).items())): value for metric, attributes, value in found}


def waiting_spans(state: Path, *, quarantined: bool) -> set[str]:
    """Return the ids of the messages whose spans are pending, those in quarantine or those that are not."""
    query = "SELECT m.id FROM owed JOIN message AS m ON m.number = owed.message WHERE owed.refused = ?"
    return {id_ for (id_,) in _rows(state, query, int(quarantined))}


def kept_sums(state: Path) -> dict[str, tuple[int, ...]]:
    """Return messages, input, output and cost as each table of sums has them, and as the messages themselves have them."""
    sums = "sum(messages), sum(input), sum(output), sum(cost_nusd)"
    of_messages = "SELECT count(*), sum(input), sum(output), sum(cost_nusd) FROM message WHERE state = 2"
    queries = {table: f"SELECT {sums} FROM {table}" for table in ("context", "session_use", "slot_use")}
    found = {name: _rows(state, query) for name, query in (queries | {"message": of_messages}).items()}
    return {name: tuple(number or 0 for number in rows[0]) for name, rows in found.items() if rows}


def _rows(state: Path, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    path = state / "ledger.db"
    if not path.exists():
        return []
    with _copy(path) as database:
        try:
            return database.execute(query, parameters).fetchall()
        except sqlite3.OperationalError:
            return []  # a ledger that was only just begun has no tables


@contextmanager
def _copy(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file beside the agent, which may have a transaction open or be gone."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA wal_autocheckpoint = 0")
        yield database
