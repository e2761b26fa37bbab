"""Totals that the backend has not accepted are pending, and no mistake."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.support.agent import Agent
from tests.support.made_stores import T0, Database, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver, drop, unauthorized
from tests.verify.verified import Verified, minus

USED = Tokens(1200, 80, 20, 400, 10)
DEAD = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


def test_everything_is_pending_while_the_backend_is_away(agent: Agent, database: Database) -> None:
    database.put_turn(message(session(version="1.18.33"), USED, cost=0.5))
    assert agent.attempt(**DEAD).returncode == 3
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"pending": (-1, minus(USED))})
    assert found.accepted == Tokens()
    assert found.report["accepted"]["cost_nusd"] == 0
    assert found.report["delivery"]
    assert found.report["spans_pending"] == 2, "the turn and its call"


def test_only_what_is_new_is_pending(agent: Agent, database: Database) -> None:
    of = session(version="1.18.33")
    database.put_turn(message(of, USED))
    agent.once()
    database.put_turn(message(of, Tokens(7, 1), T0 + 60_000, model="opus"))
    agent.attempt(**DEAD)
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"pending": (-1, Tokens(-7, -1))})
    assert found.accepted == USED


def test_what_was_sent_without_an_answer_may_be_there(agent: Agent, database: Database, receiver: OtlpReceiver) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    receiver.behave(then=drop())
    agent.attempt()
    found = Verified(agent)
    assert found.exit_code == 0
    assert found.explained() == {"unanswered": (-1, minus(USED))}


def test_a_backend_that_rejects_says_why(agent: Agent, database: Database, receiver: OtlpReceiver) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    receiver.behave(then=unauthorized())
    agent.attempt()
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"pending": (-1, minus(USED))})
    assert "401" in found.report["delivery"]


def test_tokens_in_two_categories_that_are_published_once(agent: Agent, database: Database) -> None:
    """The total of this row says that its output contains the reasoning."""
    disjoint = {"OTEL_AGENT_ACCOUNTING": "disjoint"}
    used = Tokens(700, 50, 20, 300)
    database.put_turn(message(session(version="1.18.33"), used, total=1_050))
    agent.once(**disjoint)
    found = Verified(agent, **disjoint)
    assert (found.exit_code, found.explained()) == (0, {"accounting": (0, Tokens(0, -20))})
    assert found.ledger == used
    assert found.accepted == Tokens(700, 30, 20, 300)


def test_series_without_room_are_compared_in_sum(agent: Agent, database: Database) -> None:
    of = session(version="1.18.33")
    database.put_turn(*(message(of, USED, T0 + 60_000 * n, n + 1, model=f"model-{n}") for n in range(3)))
    agent.once(OTEL_AGENT_MAX_SERIES="1")
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {})
    assert sum(found.accepted) == 3 * sum(USED)


def test_a_ledger_that_was_copied_from_another_machine(agent: Agent, database: Database) -> None:
    """Its totals go on over there, and start from zero here."""
    of = session(version="1.18.33")
    database.put_turn(message(of, USED))
    agent.once()
    with closing(sqlite3.connect(agent.state_dir / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE meta SET value = 'of-another-machine' WHERE key = 'instance_id'")
    database.put_turn(message(of, Tokens(7, 1), T0 + 60_000))
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"other_identity": (-1, minus(USED))})
    assert found.accepted == Tokens(7, 1)
