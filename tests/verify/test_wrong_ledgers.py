"""A ledger that was changed behind its back: the difference is found, with its day, model, session and amount."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import T0, Database, DatabaseV2, JsonTree, Message, Tokens, fork_copy, message, session
from tests.verify.verified import Verified, age, change_ledger, minus, tokens

USED = Tokens(1200, 80, 20, 400, 10)
OTHER = Tokens(31, 7)
DAY = "2026-01-23"
MODEL = "zai-coding-plan/glm-4.7"
OPUS = "anthropic/opus"
HOUR = 3_600_000


@pytest.fixture
def first() -> Message:
    return message(session(), USED, cost=0.5)


@pytest.fixture
def second(first: Message) -> Message:
    """A message of another session, day and model."""
    of = session(T0 + 24 * HOUR, version="1.18.33")
    return message(of, OTHER, T0 + 25 * HOUR, model="opus", provider="anthropic")


@pytest.fixture
def counted(agent: Agent, database: Database, first: Message, second: Message) -> Agent:
    """The agent, after it counted both messages."""
    database.put_turn(first, second)
    agent.once()
    return agent


def test_one_token_too_many(counted: Agent, first: Message) -> None:
    change_ledger(counted, f"UPDATE message SET input = input + 1 WHERE id = '{first.id}'")
    found = Verified(counted)
    assert found.exit_code == 1
    assert ("numbers", DAY, MODEL, first.session.id) in found.unexplained()
    assert found.amount("numbers") == (0, Tokens(1))


def test_the_totals_that_are_published_do_not_follow_such_a_change(counted: Agent, first: Message) -> None:
    change_ledger(counted, f"UPDATE message SET output = output + 3 WHERE id = '{first.id}'")
    assert Verified(counted).amount("published") == (0, Tokens(0, -3))


def test_a_message_that_is_missing(counted: Agent, second: Message) -> None:
    change_ledger(counted, f"DELETE FROM message WHERE id = '{second.id}'")
    found = Verified(counted)
    assert found.exit_code == 1
    assert ("missing", "2026-01-24", OPUS, second.session.id) in found.unexplained()
    assert found.amount("missing") == (-1, minus(OTHER))
    assert found.report["sessions"] == {"agree": 1, "all": 1}, "the ledger has one session now, and that one is right"


def test_a_message_of_a_tree_that_is_missing(agent: Agent, tree: JsonTree, first: Message) -> None:
    tree.put_turn(first)
    age(agent)
    agent.once()
    change_ledger(agent, f"DELETE FROM message WHERE id = '{first.id}'")
    found = Verified(agent)
    assert found.amount("missing") == (-1, minus(USED))


def test_a_message_that_is_there_twice(counted: Agent, first: Message) -> None:
    change_ledger(
        counted,
        f"CREATE TEMP TABLE twice AS SELECT * FROM message WHERE id = '{first.id}'",
        "UPDATE twice SET id = 'msg_twice', number = 99",
        "INSERT INTO message SELECT * FROM twice",
    )
    found = Verified(counted)
    assert found.exit_code == 1
    assert ("doubled", DAY, MODEL, first.session.id) in found.unexplained()
    assert found.amount("doubled") == (1, USED)
    assert found.report["days"] == {"agree": 1, "all": 2}


def test_a_fork_copy_that_counts_beside_its_original(agent: Agent, database: Database, first: Message) -> None:
    fork = session(T0 + HOUR, 2, version="1.18.33")
    copy = fork_copy(first, fork, T0 + HOUR)
    database.put_turn(first, copy)
    agent.once()
    assert Verified(agent).explained()["fork_copy"] == (-1, minus(USED))
    change_ledger(agent, f"UPDATE message SET state = 2 WHERE id = '{copy.id}'")
    found = Verified(agent)
    assert found.amount("doubled") == (1, USED)
    assert ("doubled", DAY, MODEL, fork.id) in found.unexplained()


def test_a_fork_copy_of_2_x_that_counts_is_named_and_not_its_original(agent: Agent, new: DatabaseV2) -> None:
    """Its id is made of a hash. Here it is the first of the two by the alphabet."""
    of = session(version="2.0.17", totals=USED)
    first = message(of, USED)
    fork = session(T0 + HOUR, 2, version="2.0.17", fork_of=of.id)
    copy = replace(fork_copy(first, fork, T0 + HOUR), id="msg_00000000000a_1")
    assert copy.id < first.id
    for each in (of, fork):
        new.put(each.project, each)
    new.put(first, copy)
    agent.once()
    assert Verified(agent).explained()["fork_copy"] == (-1, minus(USED))
    change_ledger(agent, f"UPDATE message SET state = 2 WHERE id = '{copy.id}'")
    found = Verified(agent)
    assert ("doubled", DAY, MODEL, fork.id) in found.unexplained()
    assert found.amount("doubled") == (1, USED)


def test_an_original_that_is_taken_for_a_copy(counted: Agent, first: Message) -> None:
    change_ledger(counted, f"UPDATE message SET state = 3 WHERE id = '{first.id}'")
    assert Verified(counted).amount("no_original") == (-1, minus(USED))


def test_a_message_under_another_model(counted: Agent, first: Message) -> None:
    change_ledger(
        counted,
        "INSERT INTO context (provider, model, agent, worktree, directory, source) "
        f"SELECT provider, 'another', agent, worktree, directory, source FROM whole_message WHERE id = '{first.id}'",
        f"UPDATE message SET context = (SELECT max(number) FROM context) WHERE id = '{first.id}'",
    )
    found = Verified(counted)
    assert ("elsewhere", DAY, "zai-coding-plan/another", first.session.id) in found.unexplained()


def test_a_message_on_another_day(counted: Agent, first: Message) -> None:
    change_ledger(counted, f"UPDATE message SET completed_ms = completed_ms - 86400000 WHERE id = '{first.id}'")
    found = Verified(counted)
    assert found.unexplained() == [("elsewhere", "2026-01-22", MODEL, first.session.id)]


def test_history_that_is_left_out_although_it_is_none(counted: Agent, first: Message) -> None:
    change_ledger(counted, f"UPDATE message SET state = 4 WHERE id = '{first.id}'")
    assert Verified(counted).amount("missing") == (-1, minus(USED))


def test_a_published_total_that_is_too_small(counted: Agent) -> None:
    change_ledger(counted, "UPDATE series SET value = value - 5 WHERE metric = 'opencode.token.usage' AND value = 1200")
    found = Verified(counted)
    assert found.unexplained() == [("published", "", MODEL, "")]
    assert found.amount("published") == (0, Tokens(-5))


def test_a_published_cost_that_is_too_small(counted: Agent) -> None:
    """The model costs half a dollar. A difference that floats can make is none."""
    change_ledger(counted, "UPDATE series SET value = value - 9000 WHERE metric = 'opencode.cost.usage' AND value > 0")
    assert Verified(counted).unexplained() == []
    change_ledger(counted, "UPDATE series SET value = value - 9000 WHERE metric = 'opencode.cost.usage' AND value > 0")
    found = Verified(counted)
    assert found.exit_code == 1
    assert found.unexplained() == [("published", "", MODEL, "")]


def test_a_message_of_this_minute_was_not_lowered_by_opencode(agent: Agent, database: Database) -> None:
    """OpenCode wrote its row when the call ended: there was no time in which it had more."""
    agent.once()
    of = session(version="1.18.33")
    call = message(of, USED, time.time_ns() // 1_000_000 - 5_000)
    database.put_turn(call)
    agent.once()
    assert Verified(agent).unexplained() == []
    change_ledger(
        agent,
        "UPDATE message SET input = input + 1",
        "UPDATE series SET value = value + 1 WHERE metric = 'opencode.token.usage' AND value = 1200",
    )
    assert [cause for cause, *_ in Verified(agent).unexplained()] == ["numbers"]


def test_a_cost_that_is_wrong(counted: Agent, first: Message) -> None:
    change_ledger(counted, f"UPDATE message SET cost_nusd = cost_nusd + 100000 WHERE id = '{first.id}'")
    found = Verified(counted)
    assert ("numbers", DAY, MODEL, first.session.id) in found.unexplained()


def test_unattributed_usage_that_is_counted_twice(agent: Agent, new: DatabaseV2) -> None:
    of = session(version="2.0.17", totals=USED.plus(OTHER))
    new.put(of.project, of, message(of, USED))
    agent.once()
    change_ledger(agent, "UPDATE message SET input = input * 2 WHERE source = 2")
    found = Verified(agent)
    assert ("above_totals", DAY, "titles and other", of.id) in found.unexplained()
    assert found.amount("above_totals") == (0, Tokens(31))


def test_unattributed_usage_that_is_missing(agent: Agent, new: DatabaseV2) -> None:
    of = session(version="2.0.17", totals=USED.plus(OTHER))
    new.put(of.project, of, message(of, USED))
    age(agent)
    agent.once()
    change_ledger(agent, "DELETE FROM message WHERE source = 2")
    assert Verified(agent).amount("below_totals") == (0, minus(OTHER))


def test_a_message_that_a_session_of_2_x_never_used(agent: Agent, new: DatabaseV2) -> None:
    """The store may have lost rows, but the totals of its session never fall: they tell that this one never was."""
    of = session(version="2.0.17", totals=USED)
    new.put(of.project, of, message(of, USED))
    agent.once()
    change_ledger(
        agent,
        "CREATE TEMP TABLE other AS SELECT * FROM message",
        "UPDATE other SET id = 'msg_other', number = 99, created_ms = created_ms + 1",
        "INSERT INTO message SELECT * FROM other",
    )
    found = Verified(agent)
    assert found.amount("above_totals") == (0, USED)


def test_equal_calls_that_are_two_are_no_difference(agent: Agent, database: Database, first: Message) -> None:
    """Two sub-agents can be asked in the same millisecond, and use the same."""
    other = session(first.session.created, 2, version="1.18.33")
    database.put_turn(first, replace(message(other, USED, counter=2, cost=0.5), session=other))
    agent.once()
    found = Verified(agent)
    assert found.exit_code == 0
    assert found.ledger == USED.plus(USED)
    assert tokens(found.report["records"]) == USED.plus(USED)


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ("UPDATE context SET input = input + 1", "context, 1"),
        ("UPDATE context SET last_ms = last_ms + 1", "context, 1"),
        ("UPDATE session_use SET messages = messages - 1", "session_use, 1"),
        ("DELETE FROM session_use", "session_use, 1"),
        ("UPDATE slot_use SET slot = slot + 1", "slot_use, 1"),
        ("UPDATE slot_use SET cost_nusd = 0", "slot_use, 1"),
        ("UPDATE reach SET sessions = 2 WHERE kind = 'model'", "reach, 1"),
    ],
)
def test_a_kept_sum_that_is_wrong(agent: Agent, database: Database, first: Message, statement: str, wrong: str) -> None:
    database.put_turn(first)
    agent.once()
    assert Verified(agent).exit_code == 0
    change_ledger(agent, statement)
    found = Verified(agent)
    assert (found.exit_code, found.wrong_sums(), found.unexplained()) == (1, {wrong}, [])
