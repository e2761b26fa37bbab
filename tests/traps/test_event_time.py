"""A call happened from `time.created` to `time.completed`, whenever its record was last touched."""

from __future__ import annotations

import os

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import T0, Database, JsonTree, Tokens, message, session

USED = Tokens(1200, 80, 20, 400, 10)
CALLED_NS = (T0 * 1_000_000, (T0 + 37_616) * 1_000_000)


def test_the_times_of_a_call_are_not_those_of_its_row(agent: Agent, database: Database, arrived: Arrived) -> None:
    """An import stamps every row with the moment of the import."""
    database.put_turn(message(session(), USED), updated=T0 + 86_400_000)
    agent.once()
    span = arrived.chat()
    assert (span.start_ns, span.end_ns) == CALLED_NS


def test_the_times_of_a_call_are_not_those_of_its_file(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    whole = message(session(), USED)
    tree.put_turn(whole)
    os.utime(tree.path(whole), (1_000_000_000, 1_000_000_000))
    agent.once()
    span = arrived.chat()
    assert (span.start_ns, span.end_ns) == CALLED_NS


def test_a_new_file_with_an_old_mtime_counts(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """`cp -p`, `rsync -a`, a backup: new here, and older than anything read before."""
    tree.put_turn(message(session(), USED))
    agent.once()
    restored = message(session(), USED, T0 + 40_000)
    tree.put_turn(restored)
    for path in (tree.path(restored), tree.path(restored).parent):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)
