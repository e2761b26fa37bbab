"""OpenCode deletes, leaves unfinished, and writes a moment ago: none of it is a mistake, and each has a name."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import (
    T0,
    Database,
    DatabaseV2,
    JsonTree,
    OldTree,
    Tokens,
    fork_copy,
    in_flight,
    message,
    session,
    step_finish,
    step_start,
)
from tests.support.paths import STORES
from tests.verify.verified import Verified, minus

USED = Tokens(1200, 80, 20, 400, 10)
OTHER = Tokens(31, 7)
HOUR = 3_600_000


def test_a_session_that_was_deleted_after_it_was_counted(agent: Agent, database: Database) -> None:
    kept, deleted = session(version="1.18.33"), session(T0 + HOUR, 2, version="1.18.33")
    gone = message(deleted, OTHER, T0 + HOUR)
    database.put_turn(message(kept, USED), gone)
    agent.once()
    database.remove(gone, deleted)
    found = Verified(agent)
    assert found.exit_code == 0
    assert found.explained() == {"session_deleted": (1, OTHER)}


def test_a_turn_that_was_reverted_after_it_was_counted(agent: Agent, new: DatabaseV2) -> None:
    """In 2.x a revert deletes the rows, and the session's totals keep what they used."""
    of = session(version="2.0.17", totals=USED.plus(OTHER))
    reverted = message(of, OTHER, T0 + 60_000)
    new.put(of.project, of, message(of, USED), reverted)
    agent.once()
    new.remove(reverted)
    found = Verified(agent)
    assert found.exit_code == 0
    assert found.explained() == {"deleted": (1, OTHER)}


def test_a_turn_that_was_reverted_before_the_first_look_is_in_the_totals_only(agent: Agent, new: DatabaseV2) -> None:
    of = session(version="2.0.17", totals=USED.plus(OTHER))
    new.put(of.project, of, message(of, USED))
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {})
    assert found.report["only_in_totals"]["input"] == OTHER.input


def test_a_row_of_1_x_that_was_deleted_before_the_first_look(agent: Agent, database: Database) -> None:
    """From 1.15 on the session's totals still tell that it was there. 1.x has nobody to count it for."""
    of = session(version="1.18.33", totals=USED.plus(OTHER))
    database.put_turn(message(of, USED))
    totals = ", ".join(f"tokens_{kind} = {number}" for kind, number in of.totals._asdict().items())
    database.execute(f"UPDATE session SET {totals}")
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"before_first_look": (0, OTHER)})


def test_a_row_whose_session_is_gone_is_no_record(agent: Agent, new: DatabaseV2) -> None:
    """OpenCode shows it nowhere, and the agent does not count it."""
    of = session(version="2.0.17", totals=USED)
    new.put(of.project, of, message(of, USED))
    new.put(message(session(T0 + HOUR, 2, version="2.0.17"), OTHER, T0 + HOUR))
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.explained(), found.ledger) == (0, {}, USED)


def test_a_whole_store_that_is_gone(agent: Agent) -> None:
    store = STORES / "migrated-1.1.27-1.2.6" / "opencode"
    shutil.copytree(store, agent.data_dir, dirs_exist_ok=True)
    agent.once()
    for path in agent.data_dir.glob("opencode.db*"):
        path.unlink()
    found = Verified(agent)
    # What 1.2.6 wrote itself, after the import: one message of the agent build (expected.json of both stores).
    assert found.explained() == {"session_deleted": (1, Tokens(17_238, 564))}
    assert found.exit_code == 0


def test_an_original_that_is_gone_while_its_copy_is_there(agent: Agent, database: Database) -> None:
    original = message(session(version="1.18.33"), USED)
    fork = session(T0 + HOUR, 2, version="1.18.33")
    copy = fork_copy(original, fork, T0 + HOUR)
    database.put_turn(original, copy)
    agent.once()
    database.remove(original, original.session)
    found = Verified(agent)
    assert found.exit_code == 0
    assert found.explained() == {"fork_copy": (-1, minus(USED)), "session_deleted": (1, USED)}


def test_a_message_in_flight_and_one_that_was_killed(agent: Agent, database: Database) -> None:
    now = time.time_ns() // 1_000_000
    of = session(version="1.18.33")
    killed = message(of, OTHER, now, completed=None)
    database.put_turn(message(of, USED), killed, in_flight(message(of, USED, now + 1)))
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"unfinished": (-1, minus(OTHER))})
    # Its grace period is over: it counts without a completion.
    agent.once(OTEL_AGENT_KILLED_GRACE_SECONDS="0")
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {})
    assert found.ledger == USED.plus(OTHER)


def test_a_turn_of_0_x_that_was_killed_is_the_same_on_both_sides(agent: Agent) -> None:
    """These releases never say why a call ended. What its steps used counts, with or without a completion."""
    killed = message(session(version="0.5.29"), USED, completed=None, changes={"parentID": ..., "finish": ...})
    OldTree(agent.data_dir).put(killed.session, killed, step_start(killed), step_finish(killed, USED))
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.explained(), found.unexplained()) == (0, {}, [])
    assert found.ledger == USED


def test_what_was_written_since_the_last_run(agent: Agent, database: Database) -> None:
    of = session(version="1.18.33")
    database.put_turn(message(of, USED))
    agent.once()
    database.put_turn(message(of, OTHER, T0 + 60_000))
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"unread": (-1, minus(OTHER))})
    agent.once()
    assert Verified(agent).explained() == {}


@pytest.mark.parametrize("kind", ["tree", "database"])
def test_what_was_rewritten_since_the_last_run(agent: Agent, database: Database, tree: JsonTree, kind: str) -> None:
    of = session(version="1.18.33")
    call = message(of, USED)
    rewritten = replace(call, tokens=USED.plus(OTHER), completed=call.completed + HOUR)
    store = tree if kind == "tree" else database
    store.put_turn(call)
    agent.once()
    store.put(rewritten)
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"unread": (0, minus(OTHER))})
    agent.once()
    assert Verified(agent).ledger == USED.plus(OTHER)


def test_a_tree_that_nobody_read_yet(agent: Agent, database: Database, tree: JsonTree) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    agent.once()
    tree.put_turn(message(session(T0 + HOUR), OTHER, T0 + HOUR))
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"unread": (-1, minus(OTHER))})


def test_history_that_backfill_leaves_out(agent: Agent, new: DatabaseV2) -> None:
    of = session(version="2.0.17", totals=USED.plus(OTHER))
    new.put(of.project, of, message(of, USED))
    agent.once(OTEL_AGENT_BACKFILL="none")
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"backfill": (-1, minus(USED.plus(OTHER)))})
    assert found.ledger == Tokens()


def test_unattributed_usage_that_a_setting_leaves_out(agent: Agent, new: DatabaseV2) -> None:
    of = session(version="2.0.17", totals=USED.plus(OTHER))
    new.put(of.project, of, message(of, USED))
    off = {"OTEL_AGENT_UNATTRIBUTED_USAGE": "false"}
    agent.once(**off)
    found = Verified(agent, **off)
    assert (found.exit_code, found.explained()) == (0, {"switched_off": (0, minus(OTHER))})


def test_a_compaction_that_is_running(agent: Agent, new: DatabaseV2) -> None:
    now = time.time_ns() // 1_000_000
    of = session(version="2.0.17", totals=OTHER)
    new.put(of.project, of)
    new.put_compaction(message(of, OTHER, now - 5_000), "running")
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"unfinished": (0, minus(OTHER))})


def test_an_upgraded_store_after_its_old_tables_were_dropped(agent: Agent) -> None:
    """Messages that 1.x dated stay on their day; the rows of 2.x have the time of their last change."""
    store = STORES / "v2" / "upgraded_v1_fork" / "opencode"
    shutil.copytree(store, agent.data_dir, dirs_exist_ok=True)
    agent.once()
    database = DatabaseV2(agent.data_dir / "opencode.db")
    for table in ("part", "message", "session"):
        database.execute(f"DROP TABLE IF EXISTS {table}")
    found = Verified(agent)
    assert found.unexplained() == []
    assert found.exit_code == 0


def test_the_import_may_move_a_message_to_another_day(agent: Agent, database: Database) -> None:
    of = session(version="1.18.33")
    old = message(of, USED)
    database.put_turn(old)
    agent.once()
    new = DatabaseV2(database.path).create()
    new.put(replace(of, totals=USED), replace(old, completed=T0 + 48 * HOUR))
    database.execute("DELETE FROM message")
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"moved": (1, USED)})


@pytest.mark.parametrize("content", ["{", "[]", ""])
def test_a_file_that_is_no_message(agent: Agent, tree: JsonTree, content: str) -> None:
    good, bad = message(session(), USED), message(session(), OTHER, T0 + 60_000)
    tree.put_turn(good)
    tree.put_bytes(bad, content.encode())
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"unreadable": (1, Tokens())})


def test_a_table_that_neither_knows_is_said_once(agent: Agent, database: Database) -> None:
    """A newer release has given its column another name. The agent has named the table."""
    of = session(version="1.18.33")
    database.put_turn(message(of, USED))
    with database.connection() as connection:
        connection.execute("ALTER TABLE message RENAME COLUMN data TO content")
    agent.attempt()
    found = Verified(agent)
    assert (found.exit_code, found.explained(), found.unexplained()) == (1, {}, [("unseen", "", "", "")])


def test_what_is_no_file_and_what_is_endless_ends_no_recount(agent: Agent, tree: JsonTree) -> None:
    good, bad = message(session(), USED), message(session(), OTHER, T0 + 60_000)
    tree.put_turn(good)
    endless = tree.put_bytes(bad, b"")
    os.truncate(endless, 10**11)
    os.mkfifo(tree.path(good.session).with_name("ses_pipe.json"))
    (endless.with_name("msg_device.json")).symlink_to("/dev/zero")
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.ledger) == (0, USED)
    assert found.explained()["unreadable"][1] == Tokens()


def test_a_message_whose_file_is_being_rewritten(agent: Agent, tree: JsonTree) -> None:
    good = message(session(), USED)
    tree.put_turn(good)
    agent.once()
    tree.put_bytes(good, b'{"id": "msg')
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"unreadable": (1, USED)})


def test_a_number_that_is_none_counts_as_zero_on_both_sides(agent: Agent, database: Database) -> None:
    bad = {"input": -5, "output": "7", "reasoning": 1.5, "cache": {"read": True, "write": 3.0}}
    database.put_turn(message(session(version="1.18.33"), bad))
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.ledger) == (0, Tokens(cache_write=3))


def test_numbers_that_opencode_lowered_after_they_were_counted(agent: Agent, database: Database) -> None:
    of = session(version="1.18.33")
    database.put_turn(message(of, USED))
    agent.once()
    database.put_turn(message(of, Tokens(1_000, *USED[1:])))
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"corrected": (0, Tokens(200))})
    assert found.ledger == USED


def test_a_folder_without_permission_is_no_deletion(public: Agent) -> None:
    """Its messages were counted, and nobody can say now whether they are still there."""
    call = message(session(), USED)
    store = JsonTree(public.data_dir)
    store.put_turn(call)
    public.once()
    folder = store.path(call).parent
    folder.chmod(0)
    try:
        before = Verified(public)
        public.once()
        found = Verified(public)
    finally:
        folder.chmod(0o755)
    assert found.report == before.report, "the verdict does not depend on what the agent knows"
    assert found.exit_code == 1
    assert (found.explained(), found.unexplained()) == ({"unreadable": (1, USED)}, [("unseen", "", "", "")])
    assert found.report["days"] == {"agree": 0, "all": 1}


def test_a_database_that_opencode_is_making_is_waited_for(agent: Agent, database: Database) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    agent.once()
    (agent.data_dir / "opencode-next.db").touch()
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {})
