"""Corrections only ever add: a larger number adds the difference, a smaller one takes nothing away."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store
from tests.support.made_stores import T0, Database, JsonTree, Tokens, message, session

USED = Tokens(1200, 80, 20, 400, 10)

LONG_AGO_S = 1_790_000_000
"""A time before any run. Seconds since the Unix epoch."""

STORES = ("json", "1.18.33", "2.x")


def test_a_raised_message_adds_the_difference(agent: Agent, store: Store, arrived: Arrived) -> None:
    written = message(session(), USED, cost=0.25)
    raised = replace(written, tokens=USED.plus(Tokens(5, 4, 3, 2, 1)), cost=0.75, completed=T0 + 50_000)
    for each in (written, raised):
        store.put_turn(each)
        agent.once()
    assert arrived.holds(tokens=USED.plus(Tokens(5, 4, 3, 2, 1)), messages=1)
    assert arrived.cost() == pytest.approx(0.75)


def test_a_file_of_an_old_folder_that_was_rewritten_in_place_adds_the_difference(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    """Its folder stays as it was, so nothing but a look at each file finds it. Each run looks at all of them."""
    written = message(session(), USED)
    tree.put_turn(written)
    folder = tree.path(written).parent
    for path in (*folder.iterdir(), folder):
        os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    for _ in range(2):
        agent.once()
    tree.put(replace(written, tokens=USED.plus(Tokens(5))))
    assert folder.stat().st_mtime == LONG_AGO_S
    agent.once()
    assert arrived.holds(tokens=USED.plus(Tokens(5)), messages=1)


def test_a_lowered_message_takes_nothing_away(agent: Agent, store: Store, arrived: Arrived) -> None:
    written = message(session(), USED, cost=0.75)
    lowered = replace(written, tokens=Tokens(1, 1, 1, 1, 1), cost=0.25, completed=T0 + 50_000)
    for each in (written, lowered):
        store.put_turn(each)
        agent.once()
    assert arrived.holds(tokens=USED, messages=1)
    assert arrived.cost() == pytest.approx(0.75)


def test_a_message_lowered_and_raised_again_adds_nothing(agent: Agent, store: Store, arrived: Arrived) -> None:
    written = message(session(), USED)
    for tokens in (USED, Tokens(10), USED, Tokens(10), USED):
        store.put_turn(replace(written, tokens=tokens))
        agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_each_category_is_corrected_by_itself(agent: Agent, store: Store, arrived: Arrived) -> None:
    written = message(session(), USED)
    moved = replace(written, tokens=Tokens(1000, 90, 20, 600, 0), completed=T0 + 50_000)
    for each in (written, moved):
        store.put_turn(each)
        agent.once()
    assert arrived.tokens() == Tokens(1200, 90, 20, 600, 10)


def test_a_correction_in_a_store_that_is_hours_old_counts(agent: Agent, database: Database, arrived: Arrived) -> None:
    """Each copy is hours old when it is read: what was rewritten in between was stamped before the last reading."""
    written = message(session(), USED)
    for hour, tokens in enumerate((USED, USED.plus(Tokens(5)), USED.plus(Tokens(5, 4)))):
        database.put_turn(replace(written, tokens=tokens), updated=T0 + 3_600_000 * hour)
        agent.once()
    assert arrived.holds(tokens=USED.plus(Tokens(5, 4)), messages=1)


def test_a_row_from_the_future_hides_no_correction(agent: Agent, database: Database, arrived: Arrived) -> None:
    """Stamped while the clock was ahead: later rows carry earlier times than the newest one read."""
    written = message(session(), USED)
    database.put_turn(written, updated=T0)
    database.put_turn(message(session(), USED, T0 + 40_000), updated=9_000_000_000_000)
    agent.once()
    database.put_turn(replace(written, tokens=USED.plus(Tokens(5))))
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED, Tokens(5)), messages=2)


def test_the_spans_of_a_corrected_message_keep_their_ids(agent: Agent, store: Store, arrived: Arrived) -> None:
    written = message(session(), USED)
    for each in (written, replace(written, tokens=USED.plus(Tokens(5)))):
        store.put_turn(each)
        agent.once()
    assert len({(span.trace_id, span.span_id) for span in arrived.chats()}) == 1


def test_the_larger_number_of_two_stores_counts(
    agent: Agent, tree: JsonTree, database: Database, arrived: Arrived
) -> None:
    low, high = (message(session(), Tokens(1200, output, 20, 400, 10)) for output in (80, 95))
    tree.put_turn(low)
    database.put_turn(high)
    agent.once()
    agent.once()
    assert arrived.holds(tokens=Tokens(1200, 95, 20, 400, 10), messages=1)


def test_deleted_messages_stay_counted(agent: Agent, store: Store, arrived: Arrived) -> None:
    kept, deleted = message(session(), USED), message(session(), USED, T0 + 40_000)
    store.put_turn(kept, deleted)
    agent.once()
    store.remove(deleted)
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED), messages=2)


def test_messages_of_a_revert_stay_counted_beside_the_new_ones(agent: Agent, store: Store, arrived: Arrived) -> None:
    kept, reverted = message(session(), USED), message(session(), USED, T0 + 40_000)
    store.put_turn(kept, reverted)
    agent.once()
    store.remove(reverted)
    store.put_turn(message(session(), USED, T0 + 80_000))
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED, USED), messages=3)


def test_a_deleted_session_that_comes_back_counts_once(agent: Agent, store: Store, arrived: Arrived) -> None:
    whole = message(session(), USED)
    store.put_turn(whole)
    agent.once()
    store.remove(whole, whole.session)
    agent.once()
    store.put_turn(whole)
    agent.once()
    assert arrived.holds(tokens=USED, messages=1, spans=1)


def empty(folder: Path) -> None:
    for child in folder.iterdir():
        rmtree(child) if child.is_dir() else child.unlink()


def test_a_store_that_was_deleted_and_begun_again_adds_to_the_totals(
    agent: Agent, store: Store, arrived: Arrived
) -> None:
    """The new database begins at rowid 1 again, under the old name."""
    store.put_turn(*(message(session(), USED, T0 + step * 40_000) for step in range(3)))
    agent.once()
    started = {key: point.start_ns for key, point in arrived.receiver.latest().items()}
    empty(agent.data_dir)
    agent.once()
    assert arrived.messages() == 3
    if isinstance(store, Database):
        store.create()
    store.put_turn(message(session(T0 + 800_000), USED, T0 + 900_000))
    agent.once()
    assert arrived.holds(tokens=USED.plus(USED, USED, USED), messages=4)
    usage = {
        key: point.start_ns for key, point in arrived.receiver.latest().items() if key[0] == "opencode.token.usage"
    }
    assert usage == {key: started[key] for key in usage}
