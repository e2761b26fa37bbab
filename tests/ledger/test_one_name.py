"""A ledger of version 5 that knows an agent or a project under two names has one for each afterwards.

The series that were published keep their labels and their values: no counter falls, and nothing counts twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.ledger import schema
from otel_agent.ledger.place import ledger_path
from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import T0, JsonTree, Project, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver

VERSION_5 = Path(__file__).parent / "ledger-5.sql"
"""Seven of its messages are of the agent Sisyphus, four of them in the project agent-monitor."""
MONITOR = "/home/dev/projects/agent-monitor"
HIDDEN = "\u200bSisyphus"
MESSAGES = 15
TOKENS = Tokens(108_602, 4_196, 677, 29_041, 0)
"""Of all that counts in it (`tests/stores/sqlite-1.18.33-fork`)."""
MORE = Tokens(input=700, output=50)
AGENT = "gen_ai.agent.name"
OWN = "/home/ada/.local/share/opencode/worktree/9d4275a8/brave-otter"
HASHED = "/srv/opencode/worktree/9d4275a8a2f4a5eb6701f428dcfcd5bce876ea65/calm-heron"
USERS = "/home/ada/src/opencode/worktree/feature/hotfix"


def with_two_names(old: sqlite3.Connection) -> None:
    """Make the ledger of an agent that saw Sisyphus before and after a plugin hid a character in its name."""
    old.executescript(f"BEGIN; {VERSION_5.read_text()}; COMMIT")
    old.execute("UPDATE message SET agent = ? WHERE agent = 'Sisyphus' AND worktree = ?", (HIDDEN, MONITOR))
    old.execute(
        "UPDATE series SET attributes = replace(attributes, '\"Sisyphus\"', ?) WHERE attributes LIKE '%agent-monitor%'",
        (f'"{HIDDEN}"',),
    )


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        with_two_names(database)
        yield database


def agents(database: sqlite3.Connection, table: str = "whole_message") -> dict[str, int]:
    return dict(database.execute(f"SELECT agent, count(*) FROM {table} GROUP BY agent").fetchall())


def series(database: sqlite3.Connection) -> list[tuple[object, ...]]:
    return database.execute("SELECT * FROM series ORDER BY metric, attributes").fetchall()


def test_an_agent_of_two_names_becomes_one_and_its_series_stay(database: sqlite3.Connection) -> None:
    before = series(database)
    assert agents(database, "message") == {HIDDEN: 4, "Sisyphus": 3, "build": 7, "general": 1, "Oracle": 1}
    schema.prepare(database)
    assert agents(database) == {"Sisyphus": 7, "build": 7, "general": 1, "Oracle": 1}
    assert series(database) == before
    assert any(HIDDEN in str(row[1]) for row in before)


def test_what_is_counted_later_goes_to_the_name_without_and_nothing_counts_twice(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    agent.state_dir.mkdir(parents=True)
    with closing(sqlite3.connect(ledger_path(agent.state_dir), isolation_level=None)) as old:
        with_two_names(old)
    arrived = Arrived(receiver)
    agent.once()
    assert arrived.holds(tokens=TOKENS, messages=MESSAGES)
    assert (arrived.messages({AGENT: HIDDEN}), arrived.messages({AGENT: "Sisyphus"})) == (4, 3)
    of = session(project=Project(worktree=MONITOR), directory=MONITOR)
    tree.put_turn(message(of, MORE, agent=HIDDEN), message(of, MORE, T0 + 60_000, agent="Sisyphus"))
    agent.once()
    assert arrived.holds(tokens=TOKENS.plus(MORE, MORE), messages=MESSAGES + 2)
    assert (arrived.messages({AGENT: HIDDEN}), arrived.messages({AGENT: "Sisyphus"})) == (4, 5)


@pytest.mark.parametrize(
    ("folder", "project", "afterwards"),
    [
        (OWN, MONITOR, MONITOR),
        (HASHED, MONITOR, MONITOR),
        (USERS, MONITOR, USERS),
        ("/home/ada/src/shop-hotfix", MONITOR, "/home/ada/src/shop-hotfix"),
        (OWN, "", OWN),
        (OWN, "/", OWN),
        (OWN, OWN, OWN),
    ],
)
def test_a_message_in_a_worktree_of_opencode_gets_the_repository_of_its_session(
    database: sqlite3.Connection, folder: str, project: str, afterwards: str
) -> None:
    (moved,) = database.execute("SELECT session_id FROM message WHERE worktree = ?", (MONITOR,)).fetchone()
    database.execute("UPDATE session SET worktree = ? WHERE id = ?", (project, moved))
    database.execute("UPDATE message SET worktree = ? WHERE session_id = ?", (folder, moved))
    others = "SELECT id, worktree FROM {} WHERE session_id <> ? ORDER BY id"
    before = database.execute(others.format("message"), (moved,)).fetchall()
    schema.prepare(database)
    rows = database.execute("SELECT DISTINCT worktree FROM whole_message WHERE session_id = ?", (moved,)).fetchall()
    assert rows == [(afterwards,)]
    assert database.execute(others.format("whole_message"), (moved,)).fetchall() == before
