"""An older copy of a database of 2.x is put in its place, or lies beside it, and the newer totals come back. What only
totals know counts once, in whatever order they come."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import T0, Database, DatabaseV2, Session, Tokens, message, session
from tests.verify.verified import Verified

USED = Tokens(1200, 80, 20, 400, 10)
TITLES = (Tokens(207, 12), Tokens(31, 40), Tokens(500, 60))
SOURCE = "opencode.usage.source"
MINUTE = 60_000


@pytest.fixture
def new(agent: Agent) -> DatabaseV2:
    return DatabaseV2(agent.data_dir / "opencode.db").create()


def v2_session(totals: Tokens, **fields: Any) -> Session:
    return session(version="2.0.17", totals=totals, **fields)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=lambda order: "".join(map(str, order)))
def test_titles_count_once_in_any_order_of_old_and_new_totals(
    agent: Agent, new: DatabaseV2, arrived: Arrived, order: tuple[int, ...]
) -> None:
    """The number of titles that the totals hold is that of the copy which is in place."""
    states = [v2_session(USED.plus(*TITLES[:titles])) for titles in (3, *order, 3)]
    new.put(states[0].project, states[0], message(states[0], USED))
    for state in states:
        new.put(state)
        agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED, "unattributed": Tokens().plus(*TITLES)}
    assert Verified(agent).exit_code == 0


def test_a_title_that_comes_with_the_newer_totals_counts(agent: Agent, new: DatabaseV2, arrived: Arrived) -> None:
    of = v2_session(USED.plus(TITLES[0]))
    new.put(of.project, of, message(of, USED))
    for totals in (of.totals, USED, USED.plus(*TITLES)):
        new.put(replace(of, totals=totals))
        agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED, "unattributed": Tokens().plus(*TITLES)}


def test_a_reverted_call_counts_once_although_an_older_copy_never_had_it(
    agent: Agent, new: DatabaseV2, arrived: Arrived
) -> None:
    of, whole = v2_session(USED), v2_session(USED.plus(TITLES[2]))
    reverted = message(of, TITLES[2], T0 + MINUTE, counter=2)
    new.put(of.project, whole, message(of, USED), reverted)
    agent.once()
    new.remove(reverted)
    for state in (whole, of, whole):
        new.put(state)
        agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED.plus(TITLES[2])}


def test_a_title_counts_once_although_a_backup_beside_the_database_is_made_anew(
    agent: Agent, new: DatabaseV2, arrived: Arrived
) -> None:
    of, backup = v2_session(USED), agent.data_dir / "opencode-backup.db"
    new.put(of.project, of, message(of, USED))
    shutil.copy(new.path, backup)
    agent.once()
    new.put(replace(of, totals=USED.plus(TITLES[0])))
    agent.once()
    shutil.copy(new.path, backup)
    for _ in range(2):
        agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED, "unattributed": TITLES[0]}


def test_what_an_import_deleted_takes_nothing_from_what_is_used_afterwards(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """A second import begins the totals again with what 1.x has, and deletes the rows of 2.x."""
    of = session(version="1.18.33")
    old, wiped = message(of, USED), message(of, TITLES[0], T0 + 10 * MINUTE, counter=2)
    database.put_turn(old)
    new = DatabaseV2(database.path).create()
    new.note_import(T0 + 2 * MINUTE)
    new.put(replace(of, totals=USED.plus(TITLES[0])), old, wiped)
    agent.once()
    new.remove(wiped)
    new.execute("UPDATE kv SET time_updated = ? WHERE key = 'migration.v1-v2'", T0 + 20 * MINUTE)
    new.put(replace(of, totals=USED))
    agent.once()
    new.put(replace(of, totals=USED.plus(TITLES[2])))
    agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED.plus(TITLES[0]), "unattributed": TITLES[2]}


def test_a_copy_from_before_a_second_import_counts_nothing_again(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """What only the totals knew was used between the two imports, whenever the session was written for the last time."""
    of = session(version="1.18.33")
    database.put_turn(message(of, USED))
    new = DatabaseV2(database.path).create()
    new.note_import(T0 + 2 * MINUTE)
    new.put(replace(of, totals=USED.plus(TITLES[0])), message(of, USED))
    agent.once()
    before, set_marker = T0 + 2 * MINUTE + 5, "UPDATE kv SET time_updated = ? WHERE key = 'migration.v1-v2'"
    for imported, totals in ((T0 + 20 * MINUTE, USED), (before, USED.plus(*TITLES[:2]))):
        new.execute(set_marker, imported)
        new.put(replace(of, totals=totals))
        agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED, "unattributed": TITLES[0].plus(TITLES[1])}
