"""Beside a database that cannot be read, everything in the other stores counts, and a person learns which one it is."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import replace

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import Database, JsonTree, Tokens, fork_copy, message, session

NOW = time.time_ns() // 1_000_000 - 600_000
"""Ten minutes ago: tool calls of a history are not asked for."""
USED = Tokens(1200, 80, 20, 400, 10)
KILLED = replace(message(session(NOW), USED, NOW), completed=None)
AFTER = message(session(NOW), USED, NOW + 60_000, counter=2)
COPY = fork_copy(AFTER, session(NOW + 300_000, counter=9), NOW + 300_000)


def spoil(agent: Agent) -> None:
    # More than a page: a young file of one page may be a database that is just being made.
    (agent.data_dir / "opencode-old.db").write_bytes(b"an old copy, whatever its name says\n" * 999)


def test_killed_messages_and_forks_count_beside_a_garbage_database(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    spoil(agent)
    database.put_turn(KILLED, AFTER, COPY)
    agent.once()
    assert arrived.messages() == 2, "the killed one, the one after it, and no copy"


def test_killed_messages_and_forks_count_beside_a_database_that_is_locked_for_long(
    agent: Agent, tree: JsonTree, database: Database, arrived: Arrived
) -> None:
    tree.put_turn(KILLED, AFTER, COPY)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        agent.once()
        assert arrived.messages() == 2


def test_deltas_are_delivered_beside_a_database_that_cannot_be_read(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """A history that never ends would have no increment at all."""
    delta = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}
    spoil(agent)
    database.put_turn(KILLED, AFTER)
    agent.once(**delta)
    fresh = replace(message(session(NOW), Tokens(7), NOW + 120_000, counter=3), model="of a series that is new")
    database.put_turn(fresh)
    agent.once(**delta)
    points = [point for point in arrived.receiver.points() if point.metric == "opencode.message.count"]
    assert [point.value for point in points] == [1]


@pytest.mark.parametrize("command", ["status", "doctor", "summary"])
def test_a_database_that_cannot_be_read_is_named_with_its_reason(
    agent: Agent, database: Database, command: str
) -> None:
    spoil(agent)
    database.put_turn(AFTER)
    agent.once()
    said = agent.command(command, COLUMNS="300").stdout
    assert "opencode-old.db" in said
    assert "not a database" in said


def test_status_says_when_it_was_noticed_that_a_database_cannot_be_read(agent: Agent, database: Database) -> None:
    spoil(agent)
    database.put_turn(AFTER)
    agent.once()
    (warning,) = json.loads(agent.command("status", "--json").stdout)["warnings"]
    assert "opencode-old.db, noticed 20" in warning
