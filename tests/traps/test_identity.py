"""One id, one count: across rewrites, restarts, files, databases, tables and imports."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import RELEASES, T0, Database, DatabaseV2, JsonTree, Tokens, message, prompt, session

FIRST = Tokens(1200, 80, 20, 400, 10)
SECOND = Tokens(900, 60, 0, 300, 5)


def test_a_completed_message_rewritten_twice_counts_once(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    written = message(session(), FIRST, cost=0.25)
    for title in (None, "edited", "edited again"):
        tree.put_turn(replace(written, changes={"structured": title}))
        agent.once()
    assert arrived.holds(tokens=FIRST, messages=1, spans=1)
    assert arrived.cost() == pytest.approx(0.25)


def test_a_row_rewritten_twice_counts_once(agent: Agent, database: Database, arrived: Arrived) -> None:
    written = message(session(), FIRST)
    for rewrite in range(3):
        database.put_turn(replace(written, changes={"structured": rewrite}), updated=T0 + 60_000 * rewrite)
        agent.once()
    assert arrived.holds(tokens=FIRST, messages=1, spans=1)


def test_a_second_run_sends_no_span_again_and_moves_no_total(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(message(session(), FIRST))
    agent.once()
    started = {key: point.start_ns for key, point in arrived.receiver.latest().items() if point.monotonic}
    agent.once()
    assert arrived.holds(tokens=FIRST, messages=1, spans=1)
    later = {key: point.start_ns for key, point in arrived.receiver.latest().items() if key in started}
    assert later == started, "a restart must continue the series, not begin it again"


@pytest.mark.parametrize("release", RELEASES)
def test_messages_in_both_json_and_sqlite_count_once(
    agent: Agent, tree: JsonTree, arrived: Arrived, release: str
) -> None:
    both = [message(session(), FIRST), message(session(), SECOND, T0 + 40_000)]
    tree.put_turn(*both)
    Database(agent.data_dir / "opencode.db", release).create().put_turn(*both, updated=T0 + 9_000_000)
    agent.once()
    assert arrived.holds(tokens=FIRST.plus(SECOND), messages=2)


def test_an_import_of_the_tree_between_two_runs_counts_nothing_again(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    old = message(session(), FIRST)
    tree.put_turn(old)
    agent.once()
    database = Database(agent.data_dir / "opencode.db", "1.2.6").create()
    database.put_turn(old, message(session(), SECOND, T0 + 40_000), updated=T0 + 9_000_000)
    agent.once()
    assert arrived.holds(tokens=FIRST.plus(SECOND), messages=2, spans=2)


def test_a_tree_and_a_database_with_the_newer_half_add_up(
    agent: Agent, tree: JsonTree, database: Database, arrived: Arrived
) -> None:
    tree.put_turn(message(session(), FIRST))
    database.put_turn(message(session(), SECOND, T0 + 40_000))
    agent.once()
    assert arrived.holds(tokens=FIRST.plus(SECOND), messages=2)


def test_an_id_in_two_channel_databases_counts_once(agent: Agent, database: Database, arrived: Arrived) -> None:
    shared, stable, beta = (message(session(), FIRST, T0 + step * 40_000) for step in range(3))
    database.put_turn(shared, stable)
    Database(agent.data_dir / "opencode-beta.db").create().put_turn(shared, beta)
    agent.once()
    assert arrived.holds(tokens=FIRST.plus(FIRST, FIRST), messages=3)


def test_an_id_in_every_kind_of_place_counts_once(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    everywhere = message(session(), FIRST)
    tree.put_turn(everywhere)
    home = tree.path(everywhere)
    shutil.copy(home, home.with_name("msg_conflicted copy.json"))
    (home.parent.parent / "ses_copied").mkdir()
    shutil.copy(home, home.parent.parent / "ses_copied" / home.name)
    Database(agent.data_dir / "opencode.db").create().put_turn(everywhere)
    Database(agent.data_dir / "opencode-dev.db", "1.2.6").create().put_turn(everywhere)
    DatabaseV2(agent.data_dir / "opencode-next.db").create().put_turn(everywhere)
    agent.once()
    agent.once()
    assert arrived.holds(tokens=FIRST, messages=1, spans=1)


def test_a_session_import_keeps_ids_and_adds_nothing(agent: Agent, database: Database, arrived: Arrived) -> None:
    exported = message(session(), FIRST)
    database.put_turn(exported)
    agent.once()
    database.remove(exported)
    database.put_turn(exported, updated=T0 + 9_000_000)
    agent.once()
    assert arrived.holds(tokens=FIRST, messages=1)


def test_an_imported_session_of_another_machine_is_new(agent: Agent, database: Database, arrived: Arrived) -> None:
    """Its ids and times are older than what was read before; its rows are not."""
    database.put_turn(message(session(), FIRST))
    agent.once()
    long_ago = T0 - 90 * 86_400_000
    database.put_turn(message(session(long_ago), SECOND, long_ago), updated=T0 + 60_000)
    agent.once()
    assert arrived.holds(tokens=FIRST.plus(SECOND), messages=2)


def test_a_restored_row_older_than_everything_read_counts(agent: Agent, database: Database, arrived: Arrived) -> None:
    """A clock set back, or a restored backup: `time_updated` before what was already read."""
    database.put_turn(message(session(), FIRST))
    agent.once()
    database.put_turn(message(session(), SECOND, T0 + 1), updated=T0 - 86_400_000)
    agent.once()
    assert arrived.holds(tokens=FIRST.plus(SECOND), messages=2)


def test_the_database_that_opencode_db_names_is_read(agent: Agent, database: Database, arrived: Arrived) -> None:
    """`OPENCODE_DB` names one more database; it may be absolute, or relative to the data folder."""
    database.put_turn(message(session(), FIRST))
    Database(agent.home / "elsewhere" / "usage.db").create().put_turn(message(session(), SECOND, T0 + 40_000))
    Database(agent.data_dir / "own" / "mine.db").create().put_turn(message(session(), SECOND, T0 + 80_000))
    agent.once(OPENCODE_DB=str(agent.home / "elsewhere" / "usage.db"))
    assert arrived.tokens() == FIRST.plus(SECOND)
    agent.once(OPENCODE_DB="own/mine.db")
    assert arrived.holds(tokens=FIRST.plus(SECOND, SECOND), messages=3)


def test_user_messages_are_not_counted(agent: Agent, tree: JsonTree, database: Database, arrived: Arrived) -> None:
    for store in (tree, database):
        store.put_turn(message(session(), FIRST))
        store.put(prompt(session()))
    agent.once()
    assert arrived.holds(tokens=FIRST, messages=1)
