"""A hint or a poll finds what changed, and stores may come, go and change their format."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import T0, Database, DatabaseV2, JsonTree, Tokens, in_flight, message, session
from tests.support.otlp_receiver import OtlpReceiver

WATCHED_ONLY = {
    "OTEL_AGENT_RESCAN_INTERVAL_SECONDS": "3600",
    "OTEL_AGENT_SWEEP_INTERVAL_SECONDS": "36000",
    "OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS": "3600",
}
"""Intervals so long that only a hint finds anything soon."""
BRISK = {"OTEL_AGENT_RESCAN_INTERVAL_SECONDS": "0.05", "OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS": "0.1"}
SOON_S = 20.0
"""Time that "soon" may take on a slow and busy machine."""


def arrived(receiver: OtlpReceiver, messages: int) -> None:
    receiver.wait_for(lambda r: len({span.span_id for span in r.chats()}) >= messages, SOON_S)
    assert len({span.span_id for span in receiver.chats()}) == messages


def test_a_hint_is_enough_to_find_a_message(agent: Agent, receiver: OtlpReceiver, tree: JsonTree) -> None:
    """The message is in a known session, in a new one, rewritten in place, and in a database."""
    tree.put_turn(message(session(), Tokens(1)))
    database = Database(agent.data_dir / "opencode.db").create()
    with agent.process("run", **WATCHED_ONLY) as run, database.writer() as writer:
        arrived(receiver, 1)
        tree.put_turn(message(session(), Tokens(2), T0 + 60_000, counter=2))
        arrived(receiver, 2)
        tree.put_turn(message(session(T0, counter=3), Tokens(3), T0 + 120_000, counter=3))
        arrived(receiver, 3)
        slow = message(session(), Tokens(4), T0 + 180_000, counter=4)
        tree.put(in_flight(slow))
        tree.put(slow)
        arrived(receiver, 4)
        of = session(counter=5)
        database.put_through(writer, of.project, of, message(of, Tokens(5), T0 + 240_000, counter=5))
        arrived(receiver, 5)
        run.stop()


def test_a_store_that_appears_while_the_agent_runs_is_read(agent: Agent, receiver: OtlpReceiver) -> None:
    """OpenCode starts for the first time, and later upgrades to SQLite."""
    shutil.rmtree(agent.data_dir.parent)
    with agent.process("run", **BRISK) as run:
        run.wait_for_log("no OpenCode data yet")
        JsonTree(agent.data_dir).put_turn(message(session(), Tokens(1)))
        arrived(receiver, 1)
        database = Database(agent.data_dir / "opencode.db").create()
        database.put_turn(message(session(), Tokens(1)), message(session(), Tokens(2), T0 + 60_000, counter=2))
        arrived(receiver, 2)
        run.stop()


def test_a_database_that_is_replaced_migrated_and_deleted_is_read_each_time(
    agent: Agent, receiver: OtlpReceiver
) -> None:
    path, of = agent.data_dir / "opencode.db", session()
    database = Database(path).create()
    database.put_turn(message(of, Tokens(1)))
    with agent.process("run", **BRISK) as run:
        arrived(receiver, 1)
        elsewhere = Database(agent.home / "other.db").create()
        elsewhere.put_turn(message(of, Tokens(2), T0 + 60_000, counter=2))
        elsewhere.path.replace(path)
        arrived(receiver, 2)
        v2 = DatabaseV2(path).create()
        v2.put_turn(message(session(counter=7), Tokens(3), T0 + 120_000, counter=3))
        arrived(receiver, 3)
        path.unlink()
        for side in agent.data_dir.glob("opencode.db-*"):
            side.unlink()
        Database(path).create().put_turn(message(of, Tokens(4), T0 + 180_000, counter=4))
        arrived(receiver, 4)
        run.stop()
    assert "Traceback" not in run.log


def test_a_tree_that_cannot_be_watched_is_polled(agent: Agent, receiver: OtlpReceiver, tree: JsonTree) -> None:
    """The log says so once. Here the kernel allows no watch, as if other programs used them all."""
    tree.put_turn(message(session(), Tokens(1)))
    refuse = (
        "from watchdog.observers import Observer as O\n"
        "def no(*a, **k): raise OSError(28, 'inotify watch limit reached')\n"
        "O.schedule = no"
    )
    with agent.process("run", prelude=refuse, **BRISK) as run:
        arrived(receiver, 1)
        for number in range(2, 5):
            tree.put_turn(message(session(), Tokens(1), T0 + 60_000 * number, counter=number))
            arrived(receiver, number)
        run.stop()
    assert run.log.count(f"cannot watch {tree.data_dir}/storage/message (inotify watch limit reached; the limits") == 1


NO_INOTIFY = """
import ctypes, os
from pathlib import Path
user = os.getuid()
assert ctypes.CDLL(None).unshare(0x10000000) == 0  # CLONE_NEWUSER
Path("/proc/self/uid_map").write_text(f"0 {user} 1")
Path("/proc/sys/user/max_inotify_instances").write_text("0")
"""


def test_an_agent_without_an_inotify_instance_goes_on_by_polling(
    agent: Agent, receiver: OtlpReceiver, tree: JsonTree
) -> None:
    """A user namespace of the agent's own has none, as if editors used them all (128 on many systems)."""
    if subprocess.run(["unshare", "-Ur", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no user namespace")
    tree.put_turn(message(session(), Tokens(1)))
    with agent.process("run", prelude=NO_INOTIFY, **BRISK) as run:
        arrived(receiver, 1)
        tree.put_turn(message(session(), Tokens(1), T0 + 60_000, counter=2))
        arrived(receiver, 2)
        run.stop()
    assert "Traceback" not in run.log
    assert run.log.count("inotify instance limit reached; the limits are") == 1


FEW_WATCHES = (
    NO_INOTIFY.replace("max_inotify_instances", "max_inotify_watches").replace('"0"', '"5"')
    + """
import signal
import otel_agent.intake.retry, otel_agent.intake.watch
otel_agent.intake.retry._FIRST_SECONDS = otel_agent.intake.watch._COUNT_SECONDS = 0.1
signal.signal(signal.SIGUSR1, lambda *_: Path("/proc/sys/user/max_inotify_watches").write_text("1000"))
"""
)


def test_an_agent_with_too_few_watches_says_so_polls_and_watches_once_it_may(
    agent: Agent, receiver: OtlpReceiver, tree: JsonTree
) -> None:
    """A limit of five, and eight sessions: the message comes in one that has no watch."""
    if subprocess.run(["unshare", "-Ur", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no user namespace")
    sessions = [session(T0 - 500 - number, counter=number) for number in range(8)]
    tree.put_turn(*(message(of, Tokens(1), counter=number) for number, of in enumerate(sessions)))
    with agent.process("run", prelude=FEW_WATCHES, **BRISK) as run:
        arrived(receiver, 8)
        run.wait_for_log("cannot watch ")
        for number, of in enumerate(sessions):
            tree.put_turn(message(of, Tokens(1), T0 + 60_000, counter=20 + number))
        arrived(receiver, 16)
        run.send(signal.SIGUSR1)
        run.wait_for_log("all folders are watched again")
        run.stop()
    assert run.log.count("inotify watch limit reached; the limits are") == 1


def test_a_burst_that_is_committed_while_the_agent_reads_is_counted(agent: Agent, receiver: OtlpReceiver) -> None:
    """The burst is one transaction with 5,000 messages."""
    database, of = Database(agent.data_dir / "opencode.db").create(), session()
    with agent.process("run", **BRISK, OTEL_AGENT_TRACES_EXPORTER="none") as run:
        run.wait_for_log("counted")
        with closing(sqlite3.connect(database.path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            records = [message(of, Tokens(1), T0 + 1_000 * number, counter=number % 4_000) for number in range(5_000)]
            database.put_through(writer, of.project, of, *records)
            writer.execute("COMMIT")
        receiver.wait_for(lambda r: r.total("opencode.message.count") == 5_000, SOON_S)
        run.stop()
