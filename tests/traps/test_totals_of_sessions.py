"""What only the totals of a session know in 2.x: titles, and calls whose row is gone. It counts once."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import T0, Database, DatabaseV2, Message, Session, Tokens, message, session
from tests.verify.verified import Verified

USED = Tokens(1200, 80, 20, 400, 10)
TITLE = Tokens(207, 12)
BOTH = USED.plus(TITLE)
SOURCE = "opencode.usage.source"


@pytest.fixture
def new(agent: Agent) -> DatabaseV2:
    return DatabaseV2(agent.data_dir / "opencode.db").create()


def v2_session(totals: Tokens = BOTH, **fields: Any) -> Session:
    return session(version="2.0.17", totals=totals, **fields)


def put(database: DatabaseV2, of: Session, *messages: Message) -> None:
    database.put(of.project, of, *messages)


def test_a_title_counts_once_and_as_no_message(agent: Agent, new: DatabaseV2, arrived: Arrived) -> None:
    of = v2_session(cost=0.75)
    put(new, of, message(of, USED, cost=0.5))
    for _ in range(3):
        agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED, "unattributed": TITLE}
    assert arrived.messages() == 1
    assert arrived.cost({SOURCE: "unattributed"}) == pytest.approx(0.25)
    assert arrived.genai("input_tokens") == USED.input + USED.cache_read + USED.cache_write


def test_totals_that_grow_add_only_what_they_gained(agent: Agent, new: DatabaseV2, arrived: Arrived) -> None:
    """The title is recorded without any change to the session's rows or to its `time_updated`."""
    of = v2_session(USED)
    put(new, of, message(of, USED))
    agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED}
    for more in (1, 2):
        put(new, replace(of, totals=USED.plus(*[TITLE] * more)))
        agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED, "unattributed": TITLE.plus(TITLE)}


def test_a_cost_without_tokens_is_rounding_and_does_not_count(agent: Agent, new: DatabaseV2, arrived: Arrived) -> None:
    of = v2_session(USED, cost=0.5000001)
    put(new, of, message(of, USED, cost=0.5))
    agent.once()
    assert arrived.cost() == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize(
    ("totals", "more"), [(Tokens(500, 80, 20, 400, 10), {}), (Tokens(1_407, 92, 20, 0, 10), {"unattributed": TITLE})]
)
def test_totals_that_are_too_small_take_nothing_away(
    agent: Agent, new: DatabaseV2, arrived: Arrived, totals: Tokens, more: dict[str, Tokens]
) -> None:
    """A release that adds up wrongly may know less of one kind of tokens, and more of another one."""
    of = v2_session(totals)
    put(new, of, message(of, USED))
    for _ in range(2):
        agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED} | more
    assert Verified(agent).ledger == USED.plus(*more.values()), "nor in a summary"


def test_rows_that_a_revert_deletes_count_once_before_and_after(
    agent: Agent, new: DatabaseV2, arrived: Arrived
) -> None:
    of = v2_session(USED.plus(USED))
    kept, reverted = message(of, USED), message(of, USED, T0 + 60_000)
    put(new, of, kept, reverted)
    agent.once()
    new.remove(reverted)
    agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED.plus(USED)}


def test_rows_that_a_revert_deleted_before_the_first_look_count(
    agent: Agent, new: DatabaseV2, arrived: Arrived
) -> None:
    of = v2_session(USED.plus(USED))
    put(new, of, message(of, USED))
    agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED, "unattributed": USED}


def test_what_a_running_compaction_used_waits_for_its_row(agent: Agent, new: DatabaseV2, arrived: Arrived) -> None:
    now = time.time_ns() // 1_000_000
    of = v2_session(TITLE)
    compaction = message(of, TITLE, now - 5_000)
    put(new, of)
    new.put_compaction(compaction, "running")
    agent.once()
    assert arrived.tokens() == Tokens()
    new.put_compaction(compaction)
    agent.once()
    assert arrived.tokens_by(SOURCE) == {"compaction": TITLE}
    assert arrived.tokens_by("gen_ai.agent.name") == {"compaction": TITLE}
    assert arrived.messages() == 1


@pytest.mark.parametrize("ended_by", ["failed", "nobody"])
def test_what_a_killed_compaction_used_counts_without_a_row(
    agent: Agent, new: DatabaseV2, arrived: Arrived, ended_by: str
) -> None:
    """Its row never says what it used. The next prompt makes it failed; without one it runs for ever."""
    now = time.time_ns() // 1_000_000
    of = v2_session(TITLE)
    put(new, of)
    new.put_compaction(message(of, Tokens(), now - 1_000 if ended_by == "failed" else now - 90_000_000), "running")
    if ended_by == "failed":
        agent.once()
        assert arrived.tokens() == Tokens()
        new.put_compaction(message(of, Tokens(), now - 1_000), "failed")
    agent.once()
    assert arrived.tokens_by(SOURCE) == {"unattributed": TITLE}


def test_a_compaction_that_ends_after_more_than_a_day_counts_once(
    agent: Agent, new: DatabaseV2, arrived: Arrived
) -> None:
    """It was given up, and what it used was counted without its row. A laptop may have slept."""
    of = v2_session(TITLE)
    compaction = message(of, TITLE, time.time_ns() // 1_000_000 - 90_000_000)
    put(new, of)
    new.put_compaction(compaction, "running")
    agent.once()
    assert arrived.tokens() == TITLE
    new.put_compaction(compaction)
    agent.once()
    assert arrived.tokens() == TITLE
    proof = Verified(agent)
    assert (proof.ledger, proof.wrong_sums()) == (TITLE, set()), "nor is it in a summary twice"


def test_the_totals_of_a_fork_do_not_hold_what_was_copied(agent: Agent, new: DatabaseV2, arrived: Arrived) -> None:
    original = message(v2_session(USED), USED)
    fork = v2_session(TITLE, created=T0 + 3_600_000, fork_of=original.session.id)
    put(new, original.session, original)
    put(new, fork, replace(original, id="msg_5f0c2b6a93d1_7", session=fork))
    agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED, "unattributed": TITLE}


def test_messages_of_1_x_that_the_import_found_are_in_the_totals(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """The summary of a compaction has no row in 2.x, and what 1.x wrote afterwards is in no total."""
    of = session(version="1.18.33")
    seen, summary, later = (message(of, USED, T0 + 60_000 * number) for number in (0, 1, 5))
    database.put_turn(seen, replace(summary, changes={"summary": True}), later)
    new = DatabaseV2(database.path).create()
    new.note_import(T0 + 200_000)
    new.put(replace(of, totals=USED.plus(USED, TITLE)), replace(seen, completed=T0 + 190_000))
    agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED.plus(USED), "compaction": USED, "unattributed": TITLE}
    assert arrived.messages() == 3


def test_messages_of_1_x_that_a_second_import_found_are_in_the_totals(
    agent: Agent, database: Database, arrived: Arrived
) -> None:
    """A person went on with 1.x and imported again: the marker keeps its first time, and says when it was changed."""
    of = session(version="1.18.33")
    first, between, later = (message(of, USED, T0 + 60_000 * number, counter=number + 1) for number in (0, 5, 30))
    database.put_turn(first, between, later)
    new = DatabaseV2(database.path).create()
    new.note_import(T0 + 200_000)
    new.execute("UPDATE kv SET time_updated = ? WHERE key = 'migration.v1-v2'", T0 + 900_000)
    new.put(replace(of, totals=USED.plus(USED, TITLE)))
    agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED.plus(USED, USED), "unattributed": TITLE}


def test_history_that_is_left_out_leaves_its_titles_out(agent: Agent, new: DatabaseV2, arrived: Arrived) -> None:
    of = v2_session()
    put(new, of, message(of, USED))
    agent.once(OTEL_AGENT_BACKFILL="none")
    assert arrived.tokens() == Tokens()
    put(new, replace(of, totals=BOTH.plus(TITLE)))
    agent.once(OTEL_AGENT_BACKFILL="none")
    assert arrived.tokens_by(SOURCE) == {"unattributed": TITLE}


def test_a_setting_leaves_out_what_no_message_has(agent: Agent, new: DatabaseV2, arrived: Arrived) -> None:
    of = v2_session()
    put(new, of, message(of, USED))
    agent.once(OTEL_AGENT_UNATTRIBUTED_USAGE="false")
    assert arrived.tokens_by(SOURCE) == {"message": USED}


def test_one_session_in_two_databases_has_its_title_once(agent: Agent, new: DatabaseV2, arrived: Arrived) -> None:
    """2.0 copies the sessions of `opencode-next.db`."""
    of = v2_session()
    for database in (new, DatabaseV2(agent.data_dir / "opencode-next.db").create()):
        put(database, of, message(of, USED))
    agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED, "unattributed": TITLE}


def test_what_another_database_has_of_a_session_takes_nothing_from_its_title(
    agent: Agent, new: DatabaseV2, arrived: Arrived
) -> None:
    """A person went on with a copied session in one of the two; the totals in the other one know nothing of that."""
    of = v2_session()
    first, later = message(of, USED), message(of, Tokens(5_000, 300), T0 + 60_000, counter=2)
    put(new, of, first)
    went_on = replace(of, totals=USED.plus(later.tokens))
    put(DatabaseV2(agent.data_dir / "opencode-next.db").create(), went_on, first, later)
    for _ in range(2):
        agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED.plus(later.tokens), "unattributed": TITLE}


@pytest.mark.parametrize("counted", [True, False], ids=["counted before", "first look"])
@pytest.mark.parametrize("name", ["opencode.db", "opencode-next.db"])
def test_a_row_that_a_revert_deletes_in_one_of_two_databases_counts_once(
    agent: Agent, new: DatabaseV2, arrived: Arrived, name: str, counted: bool
) -> None:
    """The totals there still hold it, and the other database still has its row."""
    kept, reverted = (message(v2_session(), used, T0 + at, counter=at + 1) for at, used in ((0, USED), (1, TITLE)))
    both = [new, DatabaseV2(agent.data_dir / "opencode-next.db").create()]
    for database in both:
        put(database, kept.session, kept, reverted)
    if counted:
        agent.once()
    next(each for each in both if each.path.name == name).remove(reverted)
    for _ in range(3):
        agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": BOTH}


def test_what_was_written_in_the_other_database_is_not_taken_for_a_title(
    agent: Agent, new: DatabaseV2, arrived: Arrived
) -> None:
    """Its call is smaller than the title, so the totals here could hold it. The totals there say that they do not."""
    of, small = v2_session(), Tokens(100, 5)
    first, later = message(of, USED), message(of, small, T0 + 60_000, counter=2)
    put(new, of, first)
    put(DatabaseV2(agent.data_dir / "opencode-next.db").create(), replace(of, totals=BOTH.plus(small)), first, later)
    for _ in range(3):
        agent.once()
    assert arrived.tokens_by(SOURCE) == {"message": USED.plus(small), "unattributed": TITLE}
