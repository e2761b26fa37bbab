"""The agent as it runs all day: a real process, real signals, a backend that comes and goes."""

from __future__ import annotations

import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.agent import assemble
from otel_agent.agent.loop import Loop
from otel_agent.settings import Settings
from tests.agent.resident import AT_ONCE_S, BRISK, IDLE, USED, counted
from tests.support.agent import Agent
from tests.support.made_stores import T0, Database, DatabaseV2, JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver, hang
from tests.support.waiting import eventually

HANGING = IDLE | {"OTEL_EXPORTER_OTLP_TIMEOUT": "300000"}


def test_the_agent_counts_what_is_there_and_what_comes_later(
    agent: Agent, receiver: OtlpReceiver, tree: JsonTree
) -> None:
    """The messages come in a known session, in a new session, and in a store that was not there before."""
    tree.put_turn(message(session(), USED))
    with agent.process("run", **BRISK) as run:
        receiver.wait_for(counted(1), 30)
        tree.put_turn(message(session(), USED, T0 + 60_000))
        receiver.wait_for(counted(2), AT_ONCE_S)
        tree.put_turn(message(session(T0), USED, T0 + 120_000))
        receiver.wait_for(counted(3), AT_ONCE_S)
        database = Database(agent.data_dir / "opencode.db").create()
        database.put_turn(message(session(), USED, T0 + 180_000))
        receiver.wait_for(counted(4), AT_ONCE_S)
        database.put_turn(message(session(), USED, T0 + 240_000))
        receiver.wait_for(counted(5), AT_ONCE_S)
        assert run.stop().returncode == 0
    assert counted(5)(receiver)
    assert run.log.count("counted 1 message in 1 store:") == 1
    assert "stopped; 0 spans pending" in run.log


def test_without_opencode_data_the_agent_says_where_it_looked_and_waits(
    agent: Agent, receiver: OtlpReceiver, tree: JsonTree
) -> None:
    with agent.process("run", **BRISK) as run:
        run.wait_for_log(f"no OpenCode data yet. Looked in: {agent.data_dir}")
        tree.put_turn(message(session(), USED))
        receiver.wait_for(counted(1), AT_ONCE_S)
        run.stop()
    assert run.log.count("no OpenCode data yet") == 1


def test_the_agent_counts_while_the_backend_is_away_and_delivers_when_it_comes(tmp_path: Path) -> None:
    """One line in the log says what is kept and how to start a backend."""
    with OtlpReceiver() as gone:
        agent, port = Agent(tmp_path, gone.endpoint), int(gone.endpoint.rpartition(":")[2])
    tree = JsonTree(agent.data_dir)
    tree.put_turn(message(session(), USED))
    with agent.process("run", **BRISK) as run:
        run.wait_for_log("not delivered")
        for number in range(1, 3):
            tree.put_turn(message(session(), USED, T0 + 60_000 * number))
            run.wait_for_log("counted 1 new message")
        with OtlpReceiver(port=port) as receiver:
            receiver.wait_for(counted(3), 60)
            run.wait_for_log("the backend accepts data again")
            assert run.stop().returncode == 0
    (line,) = [line for line in run.log.splitlines() if "not delivered" in line]
    assert "nothing answers there" in line
    assert f"(http://127.0.0.1:{port})" in line
    assert f"pending spans are kept in {agent.state_dir}" in line
    assert "Start an OpenTelemetry Collector " in line


def test_one_signal_that_fails_is_logged_once(agent: Agent, receiver: OtlpReceiver, tree: JsonTree) -> None:
    """The other signal is accepted all the while. The log names the address of the one that fails."""
    tree.put_turn(message(session(), USED))
    elsewhere = "http://127.0.0.1:9/v1/traces"
    with agent.process("run", **BRISK, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=elsewhere) as run:
        run.wait_for_log("not delivered")
        seen = len(receiver.requests)
        receiver.wait_for(lambda r: len(r.requests) > seen + 10, 30)
        run.stop()
    (line,) = [line for line in run.log.splitlines() if "not delivered" in line]
    assert elsewhere in line
    assert "accepts data again" not in run.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_agent_that_is_stopped_delivers_what_was_written_last(
    agent: Agent, receiver: OtlpReceiver, tree: JsonTree, number: signal.Signals
) -> None:
    tree.put_turn(message(session(), USED))
    with agent.process("run", **IDLE) as run:
        receiver.wait_for(counted(1), 30)
        tree.put_turn(message(session(), USED, T0 + 60_000))
        ended = run.stop(number, timeout=AT_ONCE_S)
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 0
    assert counted(2)(receiver)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_title_that_an_old_session_got_last_is_counted_at_the_end_or_by_the_next_start(
    agent: Agent, receiver: OtlpReceiver, number: signal.Signals
) -> None:
    """Passes look at the newest sessions each time. No row tells them of this one, which is older."""
    sessions = [session(T0, counter=number, version="2.0.17") for number in range(600)]
    store = DatabaseV2(agent.data_dir / "opencode.db").create()
    store.put(sessions[0].project, *sessions, message(sessions[-1], USED))
    with agent.process("run", **IDLE) as run:
        receiver.wait_for(lambda r: len(r.chats()) == 1, 30)
        store.execute("UPDATE session_v2 SET tokens_input = 7 WHERE id = ?", sessions[0].id)
        store.put(message(sessions[-1], USED, T0 + 60_000))
        receiver.wait_for(lambda r: len(r.chats()) == 2, AT_ONCE_S)
        run.stop(number)
    if number == signal.SIGKILL:
        agent.once()
    assert receiver.total("opencode.token.usage") == 2 * sum(USED) + 7


@pytest.mark.parametrize("hanging", ["traces", "metrics"])
def test_a_request_that_hangs_does_not_delay_the_stop(
    agent: Agent, receiver: OtlpReceiver, tree: JsonTree, hanging: str
) -> None:
    tree.put_turn(message(session(), USED))
    receiver.behave(then=hang(), signal="traces" if hanging == "traces" else "metrics")
    with agent.process("run", **HANGING, OTEL_AGENT_SHUTDOWN_TIMEOUT_SECONDS="1") as run:
        receiver.wait_for(lambda r: any(each.signal == hanging for each in r.requests), 30)
        started = time.monotonic()
        ended = run.stop(timeout=1 + AT_ONCE_S)
        assert time.monotonic() - started >= 0.5
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 0
    assert "not delivered: broken off" in ended.stderr
    assert "stopped; " in ended.stderr, "the request was broken off, so that the run ended in order"
    receiver.behave()
    agent.once()
    assert counted(1)(receiver)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_agent_at_once(
    agent: Agent, receiver: OtlpReceiver, tree: JsonTree, number: signal.Signals
) -> None:
    tree.put_turn(message(session(), USED))
    receiver.behave(then=hang(accepted=True))
    with agent.process("run", **HANGING, OTEL_AGENT_SHUTDOWN_TIMEOUT_SECONDS="300") as run:
        receiver.wait_for(lambda r: r.requests, 30)
        with pytest.raises(subprocess.TimeoutExpired):
            run.stop(number, timeout=0.5)
        assert run.stop(signal.SIGINT, timeout=AT_ONCE_S).returncode == 130
    receiver.behave()
    agent.once()
    assert counted(1)(receiver)


def test_a_long_first_pass_does_not_delay_the_stop(agent: Agent, receiver: OtlpReceiver) -> None:
    """The pass ends after a transaction, and the next start goes on from there."""
    count, of = 40_000, session()
    database = Database(agent.data_dir / "opencode.db").create()
    with database.connection() as connection:
        records = [message(of, Tokens(1), T0 + 10_000 * number) for number in range(count)]
        database.put_through(connection, of.project, of, *records)
    wal = agent.state_dir / "ledger.db-wal"
    quick = {"OTEL_AGENT_SHUTDOWN_TIMEOUT_SECONDS": "0.02", "OTEL_AGENT_TRACES_EXPORTER": "none"}
    with agent.process("run", **IDLE, **quick) as run:
        eventually(lambda: wal.exists() and wal.stat().st_size > 1 << 20, True)
        ended = run.stop(timeout=AT_ONCE_S)
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 0
    assert receiver.total("opencode.message.count") < count
    agent.once(OTEL_AGENT_TRACES_EXPORTER="none")
    assert receiver.total("opencode.token.usage") == count
    assert {len({p.start_ns for p in receiver.points() if p.metric == "opencode.message.count"})} == {1}


def test_a_last_pass_that_is_given_up_ends_after_a_transaction(
    agent: Agent, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No signal can stop the last pass any more, but giving up can. A first look was before: it joins more in a transaction."""
    monkeypatch.setenv("XDG_DATA_HOME", str(agent.data_dir.parent))
    count, of, stop = 9_000, session(), threading.Event()
    database = Database(agent.data_dir / "opencode.db").create()
    agent.once()
    with database.connection() as connection:
        records = [message(of, Tokens(1), T0 + 10_000 * number) for number in range(count)]
        database.put_through(connection, of.project, of, *records)
    with assemble.assembled(Settings(state_dir=agent.state_dir, exporter="none", discover_stores=False)) as parts:
        loop = Loop(parts)
        stop.set()
        loop.give_up()
        loop.run(stop)
    agent.once(OTEL_AGENT_EXPORTER="otlp")
    assert 0 < len({span.span_id for span in receiver.chats()}) < count
    assert receiver.total("opencode.message.count") == count


@pytest.mark.skipif(sys.platform != "linux", reason="raises the limit of another process")
def test_a_full_disk_is_logged_once_and_survived(agent: Agent, receiver: OtlpReceiver) -> None:
    """The disk has room to start and none to count. Totals are exported meanwhile: they need no room."""
    of = session()
    database = Database(agent.data_dir / "opencode.db").create()
    database.put_turn(message(of, USED))
    agent.once()
    with database.connection() as connection:
        records = [message(of, USED, T0 + 60_000 * number) for number in range(300)]
        database.put_through(connection, of.project, of, *records)
    prelude = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (40_000, r.RLIM_INFINITY))"
    with agent.process("run", prelude=prelude, **BRISK) as run:
        run.wait_for_log("cannot use the ledger")
        seen = len(receiver.requests)
        receiver.wait_for(lambda r: len(r.requests) > seen + 10, 30)
        resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        receiver.wait_for(counted(300), 30)
        run.wait_for_log("the ledger can be written again")
        assert run.stop().returncode == 0
    assert run.log.count("cannot use the ledger") == 1


def test_a_ledger_that_breaks_while_the_agent_runs_ends_the_run(
    agent: Agent, receiver: OtlpReceiver, tree: JsonTree
) -> None:
    """Trying again would not repair it, but a start checks the whole ledger."""
    tree.put_turn(message(session(), USED))
    with agent.process("run", **BRISK) as run:
        receiver.wait_for(counted(1), 30)
        with closing(sqlite3.connect(agent.state_dir / "ledger.db", isolation_level=None)) as other:
            other.execute("CREATE TRIGGER broken BEFORE INSERT ON message BEGIN SELECT RAISE(FAIL, 'broken'); END")
            tree.put_turn(message(session(), USED, T0 + 60_000))
            ended = run.wait()
            other.execute("DROP TRIGGER broken")
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 4
    assert "otel-agent: the ledger is not readable: broken" in ended.stderr
    agent.once()
    assert counted(2)(receiver)


def test_an_agent_at_rest_leaves_the_disk_alone(agent: Agent, receiver: OtlpReceiver) -> None:
    """Metrics are exported all the while, with nothing new in them."""
    Database(agent.data_dir / "opencode.db").create().put_turn(message(session(), USED))
    with agent.process("run", **BRISK) as run:
        receiver.wait_for(counted(1), 30)
        seen = len(receiver.requests)
        receiver.wait_for(lambda r: len(r.requests) > seen + 10, 30)
        before = state_of(agent.state_dir)
        seen = len(receiver.requests)
        receiver.wait_for(lambda r: len(r.requests) > seen + 20, 30)
        assert state_of(agent.state_dir) == before
        run.stop()


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of each file but SQLite's shared memory, which is in memory in spite of its name."""
    return {
        each.name: (each.stat().st_size, each.stat().st_mtime_ns)
        for each in folder.iterdir()
        if not each.name.endswith("-shm")
    }
