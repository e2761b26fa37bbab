"""What an answer of 2.x holds is a model's or a tool's: nothing in it keeps the store from being read."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import T0, DatabaseV2, Tokens, message, session

USED = Tokens(1200, 80, 20, 400, 10)


def test_a_lone_surrogate_among_the_keys_of_the_content_stops_nothing(agent: Agent, arrived: Arrived) -> None:
    """JavaScript writes one as an escape, which Python reads as a letter that has no UTF-8."""
    new = DatabaseV2(agent.data_dir / "opencode.db").create()
    new.put_turn(message(session(), USED), message(session(), USED, T0 + 40_000))
    with closing(sqlite3.connect(new.path)) as database, database:
        changed = database.execute(
            "UPDATE session_message SET data = json_set(data, '$.content', json('[{\"\\ud800\": 1}]')) "
            "WHERE type = 'assistant' AND rowid = (SELECT min(rowid) FROM session_message WHERE type = 'assistant')"
        )
        assert changed.rowcount == 1
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2, spans=2)
