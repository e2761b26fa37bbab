"""A release of 2.x that leaves a column out is counted as far as it goes, and the recount agrees."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import DatabaseV2, Tokens, message, session
from tests.verify.verified import Verified

USED = Tokens(1200, 80, 0, 400, 10)
TITLE = Tokens(207, 12)
SOURCE = "opencode.usage.source"


def without(path: Path, table: str, column: str) -> None:
    """Drop a column, and the indexes that would keep it there."""
    with closing(sqlite3.connect(path)) as database:
        indexes = database.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
        for (index,) in indexes:
            database.execute(f'DROP INDEX "{index}"')
        database.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("session_message", "time_created"),
        ("session_message", "time_updated"),
        ("session_message", "type"),
        ("session_message", "seq"),
        ("session_v2", "cost"),
        ("session_v2", "tokens_reasoning"),
        ("session_v2", "time_updated"),
    ],
)
def test_a_missing_column_costs_nothing_but_what_it_held(
    agent: Agent, arrived: Arrived, table: str, column: str
) -> None:
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    of = session(version="2.4.0", totals=USED.plus(TITLE))
    new.put(of.project, of, message(of, USED))
    without(new.path, table, column)
    agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED, "unattributed": TITLE}
    found = Verified(agent)
    assert (found.exit_code, found.ledger, found.unexplained()) == (0, USED.plus(TITLE), [])
