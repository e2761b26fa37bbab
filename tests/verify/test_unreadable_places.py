"""Rows that cannot be named, and places that cannot be read: the recount and the agent say the same of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from otel_agent.model import ProblemKind
from tests.support.agent import Agent
from tests.support.made_stores import T0, Database, DatabaseV2, Tokens, message, session
from tests.verify.verified import Verified, change_ledger

USED = Tokens(1200, 80, 20, 400, 10)
OTHER = Tokens(31, 7)
HOUR = 3_600_000
LOWEST = -(2**63)
"""The lowest number that a row can have."""
FORMS = [(Database, "message", "1.18.33"), (DatabaseV2, "session_message", "2.0.17")]


def problems(agent: Agent) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(agent.state_dir / "ledger.db")) as ledger:
        return ledger.execute("SELECT place, kind, detail FROM problem ORDER BY place").fetchall()


@pytest.mark.parametrize("ids", [("",), (None,), (None, None), ("", None), (b"",)])
@pytest.mark.parametrize(("form", "table", "release"), FORMS)
def test_rows_without_an_id_are_named_by_their_numbers(
    agent: Agent, form: type[Database], table: str, release: str, ids: tuple[object, ...]
) -> None:
    """Two of them would be one message: nothing tells them apart."""
    of = session(version=release)
    database = form(agent.data_dir / "opencode.db").create()
    database.put_turn(message(of, USED))
    for step, row_id in enumerate(ids, 1):
        odd = message(of, OTHER, T0 + step * HOUR)
        database.put_turn(odd)
        database.execute(f"UPDATE {table} SET id = ? WHERE id = ?", row_id, odd.id)
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.ledger) == (0, USED)
    assert found.explained() == {"unreadable": (len(ids), Tokens())}
    generation = "v1" if table == "message" else "v2"
    assert problems(agent) == [
        (f"{generation}:{database.path}#row {step + 2}", ProblemKind.MALFORMED, "no id, session or time")
        for step in range(len(ids))
    ]


@pytest.mark.parametrize(("form", "table", "release"), FORMS)
def test_a_last_row_without_an_id_lets_no_pass_begin_again(
    agent: Agent, form: type[Database], table: str, release: str
) -> None:
    of = session(version=release)
    database = form(agent.data_dir / "opencode.db").create()
    database.put_turn(message(of, USED), odd := message(of, OTHER, T0 + HOUR))
    database.execute(f"UPDATE {table} SET id = '' WHERE id = ?", odd.id)
    agent.once()
    with closing(sqlite3.connect(agent.state_dir / "ledger.db")) as ledger:
        (state,) = ledger.execute("SELECT state FROM checkpoint WHERE place LIKE 'v_:%'").fetchone()
    assert b'"tail":"\\u0000"' in state, "an empty tail would be no row that was read"


@pytest.mark.parametrize(("form", "table", "release"), FORMS)
def test_an_id_that_is_stored_as_bytes_is_the_same_id(
    agent: Agent, form: type[Database], table: str, release: str
) -> None:
    database = form(agent.data_dir / "opencode.db").create()
    database.put_turn(message(session(version=release), USED))
    database.execute(f"UPDATE {table} SET id = CAST(id AS BLOB)")
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.ledger, found.explained()) == (0, USED, {})


@pytest.mark.parametrize(("form", "table", "release"), FORMS)
def test_the_row_with_the_lowest_number_counts(agent: Agent, form: type[Database], table: str, release: str) -> None:
    of, database = session(version=release), form(agent.data_dir / "opencode.db").create()
    database.put_turn(lowest := message(of, OTHER), message(of, USED, T0 + HOUR))
    database.execute(f"UPDATE {table} SET rowid = {LOWEST} WHERE id = ?", lowest.id)
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.ledger, found.explained()) == (0, USED.plus(OTHER), {})


@pytest.mark.parametrize(("form", "table", "release"), FORMS)
def test_a_row_with_the_lowest_number_counts_alone_and_when_it_changes(
    agent: Agent, form: type[Database], table: str, release: str
) -> None:
    of, database = session(version=release), form(agent.data_dir / "opencode.db").create()
    database.put_turn(message(of, USED))
    database.execute(f"UPDATE {table} SET rowid = {LOWEST}")
    agent.once()
    assert Verified(agent).ledger == USED
    database.put_turn(message(of, USED.plus(OTHER)))
    agent.once()
    assert Verified(agent).ledger == USED.plus(OTHER)
    database.put_turn(message(of, USED, T0 + HOUR))
    agent.once()
    assert Verified(agent).ledger == USED.plus(USED).plus(OTHER)


def test_a_message_that_was_counted_without_an_id_is_named(agent: Agent, database: Database) -> None:
    """Earlier versions counted one such row."""
    database.put_turn(message(session(version="1.18.33"), USED))
    agent.once()
    database.execute("UPDATE message SET id = ''")
    change_ledger(agent, "UPDATE message SET id = ''")
    found = Verified(agent)
    assert (found.exit_code, found.explained()["unreadable"]) == (0, (2, USED))
