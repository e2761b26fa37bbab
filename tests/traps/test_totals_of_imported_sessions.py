"""2.x adds up the rows of 1.x as they are written, and leaves out those that it cannot read. Other numbers count of both.

What only the totals know of such a session counts all the same, and nothing else does.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import T0, Database, DatabaseV2, Message, Session, Tokens, message, session, step_finish
from tests.verify.verified import Verified

SOURCE = "opencode.usage.source"
BELOW_ZERO = Tokens(-423, 50, 0, 1_000)
"""1.3 subtracted the cached tokens of some providers twice."""
COUNTED = Tokens(0, 50, 0, 1_000)
LATER = Tokens(1_000, 60)
INTERRUPTED = Tokens(300, 40)
"""A compaction that a person interrupted: its call has no row."""
STEPS = (Tokens(50, 5), Tokens(70, 7), Tokens(100, 10))
TURN = Tokens(220, 22)
"""What the steps of a turn of 0.x used. Its row has the tokens of the last one."""
IMPORTED = T0 + 86_400_000


def of_0_x(of: Session) -> Message:
    return message(of, STEPS[-1], finish=None, changes={"parentID": ..., "agent": ...})


def old_and_later(database: Database, old: Message) -> Message:
    """Put an old message and a later one of the same session, as 1.x left them; return the later one."""
    later = message(old.session, LATER, T0 + 60_000, counter=2)
    database.put_turn(old, later)
    if old.changes:
        database.put(*(step_finish(old, used, counter) for counter, used in enumerate(STEPS, 3)))
    return later


def imported(database: Database, totals: Tokens, *rows: Message) -> DatabaseV2:
    """Put what the import made of the session: its totals, and these rows."""
    new = DatabaseV2(database.path).create()
    new.note_import(IMPORTED)
    new.put(rows[-1].session.project, replace(rows[-1].session, totals=totals), *rows)
    return new


def goes_on(agent: Agent, new: DatabaseV2, of: Session, totals: Tokens, looks: int) -> None:
    """Interrupt a compaction in 2.x, and look at that: for the first time, or again."""
    for _ in range(looks):
        agent.once()
    new.put(replace(of, totals=totals.plus(INTERRUPTED)))
    for _ in range(2):
        agent.once()


def explained(agent: Agent) -> set[str]:
    """The reasons why stores and ledger differ, beside the second row that the import made of a call."""
    found = Verified(agent)
    assert found.exit_code == 0
    return found.explained().keys() - {"recorded_twice"}


@pytest.mark.parametrize("looks", [0, 1], ids=["first look", "counted before"])
def test_a_number_below_zero_takes_nothing_from_what_only_the_totals_know(
    agent: Agent, database: Database, arrived: Arrived, looks: int
) -> None:
    old = message(session(version="1.3.2"), BELOW_ZERO)
    later = old_and_later(database, old)
    new = imported(database, BELOW_ZERO.plus(LATER), old, later)
    goes_on(agent, new, old.session, BELOW_ZERO.plus(LATER), looks)
    assert arrived.tokens_by(SOURCE) == {"message": COUNTED.plus(LATER), "unattributed": INTERRUPTED}
    assert explained(agent) == set()


def test_totals_below_zero_count_what_they_gain(agent: Agent, database: Database, arrived: Arrived) -> None:
    old = message(session(version="1.3.2"), BELOW_ZERO, cost=0.01)
    database.put_turn(old)
    new = imported(database, BELOW_ZERO, old)
    goes_on(agent, new, old.session, BELOW_ZERO, looks=1)
    assert arrived.tokens_by(SOURCE) == {"message": COUNTED, "unattributed": INTERRUPTED}
    assert explained(agent) == set()


@pytest.mark.parametrize("looks", [0, 1], ids=["first look", "counted before"])
@pytest.mark.parametrize("version", ["0.6.4", "1.18.33"])
@pytest.mark.parametrize("reads_all", [False, True], ids=["left out", "imported"])
def test_a_turn_of_0_x_takes_nothing_from_what_only_the_totals_know(
    agent: Agent, database: Database, arrived: Arrived, looks: int, version: str, reads_all: bool
) -> None:
    """Up to 2.0.26 the import leaves such a row out. If another one takes it, it has the tokens of the last step."""
    old = of_0_x(session(version=version))
    later = old_and_later(database, old)
    totals = STEPS[-1].plus(LATER) if reads_all else LATER
    new = imported(database, totals, *([old] if reads_all else []), later)
    goes_on(agent, new, old.session, totals, looks)
    assert arrived.tokens_by(SOURCE) == {"message": TURN.plus(LATER), "unattributed": INTERRUPTED}
    assert explained(agent) == set()


@pytest.mark.parametrize("updated_ms", [T0 + 60_000, IMPORTED + 50], ids=["by 1.x", "by 2.x"])
@pytest.mark.parametrize("version", ["0.6.4", "1.18.33"])
def test_what_an_imported_session_uses_in_2_x_is_not_dated_before_the_import(
    agent: Agent, database: Database, updated_ms: int, version: str
) -> None:
    """A compaction that a person interrupts does not change when its session was written."""
    old = of_0_x(session(version=version))
    later = old_and_later(database, old)
    new = imported(database, LATER, later)
    new.execute("UPDATE session_v2 SET time_updated = ?, tokens_input = 1300, tokens_output = 100", updated_ms)
    agent.once()
    with closing(sqlite3.connect(agent.state_dir / "ledger.db")) as ledger:
        found = ledger.execute("SELECT created_ms, input, output FROM message WHERE source = 2").fetchall()
    # The import ended 5 ms after it began.
    assert found == [(max(updated_ms, IMPORTED + 5), *INTERRUPTED[:2])]


@pytest.mark.parametrize("change", [{"agent": ...}, {"parentID": ...}, {"mode": ...}])
def test_a_row_that_the_import_left_out_takes_nothing_from_what_only_the_totals_know(
    agent: Agent, database: Database, arrived: Arrived, change: dict[str, Any]
) -> None:
    """Up to 1.0.152 a row names no agent."""
    old = message(session(version="1.0.100"), COUNTED, changes=change)
    later = message(old.session, LATER, T0 + 60_000, counter=2)
    database.put_turn(old, later)
    new = imported(database, LATER, later)
    goes_on(agent, new, old.session, LATER, looks=1)
    assert arrived.tokens_by(SOURCE) == {"message": COUNTED.plus(LATER), "unattributed": INTERRUPTED}
    assert explained(agent) == set()


@pytest.mark.parametrize("summary", [True, False])
def test_a_row_that_2_x_does_not_have_any_more_is_in_the_totals(
    agent: Agent, database: Database, arrived: Arrived, summary: bool
) -> None:
    """It is the summary of a compaction, or was reverted. It does not count again."""
    old = message(session(version="1.3.2"), BELOW_ZERO, changes={"summary": True} if summary else {})
    later = old_and_later(database, old)
    new = imported(database, BELOW_ZERO.plus(LATER), *([] if summary else [old]), later)
    for _ in range(2):
        agent.once()
    if not summary:
        new.remove(old)
        new.put(replace(old.session, totals=BELOW_ZERO.plus(LATER, INTERRUPTED)))
        agent.once()
    sums = arrived.tokens_by(SOURCE)
    assert sums.pop("unattributed", Tokens()) == (Tokens() if summary else INTERRUPTED)
    assert Tokens().plus(*sums.values()) == COUNTED.plus(LATER)


def test_a_summary_without_an_agent_does_not_count_again_if_the_import_read_such_rows(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    old = message(session(version="1.0.100"), COUNTED, changes={"agent": ..., "summary": True})
    other = message(old.session, LATER, T0 + 60_000, counter=2, changes={"agent": ...})
    database.put_turn(old, other)
    imported(database, COUNTED.plus(LATER, Tokens(1)), other)
    agent.once()
    assert arrived.tokens_by(SOURCE).get("unattributed") == Tokens(1)


def test_an_import_that_began_the_totals_again_is_seen_beside_a_number_below_zero(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    old = message(session(version="1.3.2"), BELOW_ZERO)
    database.put_turn(old)
    wiped = message(old.session, LATER, IMPORTED + 60_000, counter=2)
    new = imported(database, BELOW_ZERO.plus(LATER), old, wiped)
    agent.once()
    new.remove(wiped)
    new.execute("UPDATE kv SET time_updated = ? WHERE key = 'migration.v1-v2'", IMPORTED + 120_000)
    new.put(replace(old.session, totals=BELOW_ZERO))
    agent.once()
    new.put(replace(old.session, totals=BELOW_ZERO.plus(INTERRUPTED)))
    agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": COUNTED.plus(LATER), "unattributed": INTERRUPTED}
