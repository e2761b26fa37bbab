"""A ledger of version 1 with totals and pending spans in it: nothing of either is lost, doubled or sent again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.ledger import schema
from otel_agent.ledger.totals import Totals

VERSION_1 = Path(__file__).parent / "ledger-1.sql"
T0 = 1_769_174_692_533
CHANGED_NS = T0 * 1_000_000
HISTORY, PENDING = range(1, 8), range(8, 11)
"""The numbers of messages whose spans were accepted, and of those whose are not. The last three answer one question."""
SERIES = {
    "opencode.token.usage": (700, 0, []),
    "gen_ai.client.operation.duration": (37_616, 5, [0, 2, 3]),
}
"""Value, number of observations and buckets."""


def entered(database: sqlite3.Connection, number: int) -> None:
    """Enter a counted message as version 1 did."""
    fields = {
        "number": number,
        "id": f"msg_{number}",
        "session_id": "ses_1",
        "generation": "v1",
        "state": 2,
        "created_ms": T0 + number * 1_000,
        "completed_ms": T0 + number * 1_000 + 500,
        "provider": "anthropic",
        "model": "claude",
        "agent": "build",
        **dict.fromkeys(("input", "output", "reasoning", "cache_read", "cache_write"), 1),
        "cached_in_input": 0,
        "reasoning_in_output": 0,
        "cost_nusd": 1,
        "turn_id": "msg_question" if number in PENDING else f"msg_question_{number}",
        "finish": "stop",
        "error_type": "",
        "compaction": 0,
        "calls_model": 1,
        "worktree": "/w",
        "directory": "/w",
        "copied": 0,
        "completion": number,
    }
    holes = ", ".join("?" * len(fields))
    database.execute(f"INSERT INTO message ({', '.join(fields)}) VALUES ({holes})", tuple(fields.values()))


@pytest.fixture
def upgraded(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A ledger that version 1 filled, and that today's code opened."""
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as database:
        database.executescript(VERSION_1.read_text())
        database.execute("PRAGMA user_version = 1")
        database.execute("INSERT INTO session (id, counted) VALUES ('ses_1', 1)")
        for number in (*HISTORY, *PENDING):
            entered(database, number)
        database.executemany("INSERT INTO owed (message) VALUES (?)", [(number,) for number in PENDING])
        database.executemany(
            "INSERT INTO series VALUES (?, '{}', ?, ?, 0, ?, ?, ?)",
            [(name, 1, CHANGED_NS, value, count, json.dumps(of)) for name, (value, count, of) in SERIES.items()],
        )
        schema.prepare(database)
        yield database


def test_what_a_backend_has_of_a_series_is_its_whole_value(upgraded: sqlite3.Connection) -> None:
    """Otherwise each series would rise from zero once more, and `increase()` would see its whole total again."""
    found = {each.metric: each for each in Totals(upgraded).due(list(SERIES), active_since_ns=0)}
    assert found.keys() == SERIES.keys()
    for name, (value, count, buckets) in SERIES.items():
        accepted = found[name].last_accepted
        assert accepted is not None
        assert (accepted.value, accepted.count, list(accepted.buckets)) == (value, count, buckets)
        assert accepted.at_ns == CHANGED_NS
        assert not found[name].has_unexported
        assert found[name].unanswered is None


def test_only_the_messages_that_are_pending_get_a_turn(upgraded: sqlite3.Connection) -> None:
    """A turn of each message of the history would be sent, of years in which nobody knew turns."""
    turns = upgraded.execute("SELECT id, trace, caller, started_ms, last_message, ended, state FROM turn").fetchall()
    first, last = min(PENDING), max(PENDING)
    assert turns == [("msg_question", "msg_question", "", T0 + first * 1_000, last, 1, 1)]
    pending = upgraded.execute("SELECT message FROM owed ORDER BY message").fetchall()
    assert pending == [(number,) for number in PENDING]


def test_every_message_is_still_known(upgraded: sqlite3.Connection) -> None:
    states = upgraded.execute("SELECT id, state FROM message ORDER BY number").fetchall()
    assert states == [(f"msg_{number}", 2) for number in (*HISTORY, *PENDING)]
