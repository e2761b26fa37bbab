"""Totals that go on at the backend's value after a ledger was lost: the proof explains them, with their amount."""

from __future__ import annotations

from tests.support.agent import Agent
from tests.support.made_stores import T0, Database, Tokens, message, session
from tests.verify.verified import Verified, change_ledger

FIRST = message(session(), Tokens(1200, 80, 20, 400, 10), cost=0.5)
SECOND = message(session(T0 + 9_000, counter=8), Tokens(31, 7), T0 + 10_000, counter=3, cost=0.25)


def lose_the_ledger(agent: Agent) -> None:
    for path in agent.state_dir.glob("ledger.db*"):
        path.unlink()


def test_what_opencode_no_longer_has_is_explained_as_kept(agent: Agent, database: Database) -> None:
    database.put_turn(FIRST, SECOND)
    agent.once()
    lose_the_ledger(agent)
    database.remove(SECOND)
    agent.once()
    found = Verified(agent)
    assert found.explained()["kept"] == (1, Tokens(31, 7))
    assert found.unexplained() == []
    assert found.exit_code == 0
    assert found.accepted == Tokens(1231, 87, 20, 400, 10)


def test_it_is_still_explained_after_a_second_loss_and_new_messages(agent: Agent, database: Database) -> None:
    database.put_turn(FIRST, SECOND)
    agent.once()
    for gone in (SECOND, FIRST):
        lose_the_ledger(agent)
        database.remove(gone)
        agent.once()
    later = message(session(T0 + 60_000, counter=9), Tokens(5), T0 + 60_000, counter=5)
    database.put_turn(later)
    agent.once()
    found = Verified(agent)
    assert found.explained()["kept"] == (2, Tokens(1231, 87, 20, 400, 10))
    assert found.exit_code == 0


def test_nothing_is_explained_so_that_was_not_raised(agent: Agent, database: Database) -> None:
    database.put_turn(FIRST, SECOND)
    agent.once()
    lose_the_ledger(agent)
    database.remove(SECOND)
    agent.once()
    change_ledger(agent, "UPDATE series SET value = value + 3 WHERE metric = 'opencode.token.usage'")
    assert Verified(agent).exit_code == 1
