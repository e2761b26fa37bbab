"""The agent as it runs all day: a real process, real signals, a backend that comes and goes."""

from __future__ import annotations

import json
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from otel_agent.agent import assemble
from otel_agent.agent.loop import Loop
from otel_agent.settings import Settings
from tests.support.agent import Agent
from tests.support.made_stores import T0, Database, JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver, hang, unauthorized
from tests.support.waiting import eventually

USED = Tokens(700, 50, 20, 300, 9)
BRISK = {
    "OTEL_AGENT_RESCAN_INTERVAL_SECONDS": "0.05",
    "OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS": "0.1",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "1000",
}
"""Intervals so short that a day passes in seconds."""
IDLE = {"OTEL_AGENT_RESCAN_INTERVAL_SECONDS": "3600", "OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS": "3600"}
"""Intervals so long that nothing happens between the first pass and the stop."""
HANGING = IDLE | {"OTEL_EXPORTER_OTLP_TIMEOUT": "300000"}
AT_ONCE_S = 5.0
"""Time within which something happens that waits for nothing, on a slow and busy machine. Seconds."""


def counted(messages: int) -> Callable[[OtlpReceiver], bool]:
    """Return a question for `wait_for`: did totals and spans of that many messages arrive?"""
    total = messages * sum(USED)
    return lambda r: r.total("opencode.token.usage") == total and len({s.span_id for s in r.chats()}) == messages


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


class TestReload:
    """SIGHUP keeps process and ledger, and reads the settings again."""

    def test_sighup_makes_the_agent_use_the_settings_of_now(
        self, agent: Agent, receiver: OtlpReceiver, tree: JsonTree
    ) -> None:
        more = JsonTree(agent.home / "more" / "opencode")
        more.put_turn(message(session(), USED, T0 + 60_000, counter=2))
        tree.put_turn(message(session(), USED))
        file = settings_file(agent, "")
        with agent.process("run", **BRISK) as run:
            receiver.wait_for(counted(1), 30)
            file.write_text(f'data_dirs = ["{more.data_dir}"]\n')
            run.send(signal.SIGHUP)
            run.wait_for_log("settings read again")
            receiver.wait_for(counted(2), 30)
            tree.put_turn(message(session(), USED, T0 + 120_000, counter=3))
            receiver.wait_for(counted(3), 30)
            assert run.stop().returncode == 0
        assert {len({p.start_ns for p in receiver.points() if p.metric == "opencode.message.count"})} == {1}

    @pytest.mark.parametrize(
        ("text", "reported"),
        [
            ('max_series = "many"', "max_series"),
            ("not toml at all", "is not TOML"),
            ('[otlp]\ncertificate = "/no/such.pem"', "/no/such.pem"),
            ('state_dir = "/elsewhere"', "state_dir cannot be changed"),
        ],
    )
    def test_settings_that_cannot_be_used_are_reported_and_the_previous_ones_kept(
        self, agent: Agent, receiver: OtlpReceiver, tree: JsonTree, text: str, reported: str
    ) -> None:
        tree.put_turn(message(session(), USED))
        file = settings_file(agent, "")
        with agent.process("run", **BRISK | {"OTEL_AGENT_STATE_DIR": ""}) as run:
            receiver.wait_for(counted(1), 30)
            file.write_text(text + "\n")
            run.send(signal.SIGHUP)
            run.wait_for_log("The previous settings are kept")
            tree.put_turn(message(session(), USED, T0 + 60_000, counter=2))
            receiver.wait_for(counted(2), 30)
            assert run.stop().returncode == 0
        assert reported in run.log
        assert "Traceback" not in run.log

    def test_an_agent_reloaded_again_and_again_still_stops(
        self, agent: Agent, receiver: OtlpReceiver, tree: JsonTree
    ) -> None:
        tree.put_turn(message(session(), USED))
        with agent.process("run", **BRISK) as run:
            receiver.wait_for(counted(1), 30)
            for _ in range(5):
                run.send(signal.SIGHUP)
            assert run.stop().returncode == 0
        assert counted(1)(receiver)


def settings_file(agent: Agent, text: str) -> Path:
    path = agent.home / "config" / "otel-agent" / "otel-agent.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


class TestStatus:
    def status(self, agent: Agent, *arguments: str) -> tuple[int, str]:
        with agent.process("status", *arguments) as command:
            ended = command.wait()
        assert ended.stderr == ""
        return ended.returncode, ended.stdout

    def status_json(self, agent: Agent) -> dict[str, Any]:
        code, printed = self.status(agent, "--json")
        found: dict[str, Any] = json.loads(printed)
        assert found["exit_code"] == code
        assert found["ok"] is (code == 0)
        return found

    def test_status_of_an_agent_that_runs_and_delivers_is_0(
        self, agent: Agent, receiver: OtlpReceiver, tree: JsonTree
    ) -> None:
        tree.put_turn(message(session(), USED))
        database = Database(agent.data_dir / "opencode.db").create()
        database.put_turn(message(session(counter=5), USED, T0 + 60_000, counter=5))
        with agent.process("run", **BRISK) as run:
            receiver.wait_for(counted(2), 30)
            receiver.wait_for(lambda r: len(r.requests) > 10, 30)
            found = self.status_json(agent)
            code, printed = self.status(agent)
            run.stop()
        assert found["exit_code"] == 0
        assert code == 0
        assert found["running"]["pid"] == run.pid
        assert {store["name"]: store["counted"] for store in found["stores"]} == {
            f"{agent.data_dir}/storage/message": {"tree": 1},
            f"{agent.data_dir}/opencode.db": {"v1": 1},
        }
        assert found["newest_message_ms"] == T0 + 60_000 + 37_616
        assert found["spans_owed"] == 0
        assert found["series"] > 10
        assert {each["signal"] for each in found["deliveries"]} == {"metrics", "traces"}
        for each in found["deliveries"]:
            assert each["failing_ms"] is None
            assert each["reason"] == ""
        assert f"running: process {run.pid}" in printed
        assert "1 message (tree)" in printed

    def test_status_of_an_agent_whose_backend_accepts_nothing_is_3(
        self, agent: Agent, receiver: OtlpReceiver, tree: JsonTree
    ) -> None:
        tree.put_turn(message(session(), USED))
        receiver.behave(then=unauthorized())
        with agent.process("run", **BRISK) as run:
            run.wait_for_log("not delivered")
            eventually(lambda: len(self.status_json(agent)["deliveries"]), 2)
            found = self.status_json(agent)
            code, printed = self.status(agent)
            run.stop()
        assert found["exit_code"] == 3
        assert code == 3
        assert found["spans_owed"] == 2
        assert all(each["failing_ms"] and "401" in each["reason"] for each in found["deliveries"])
        assert "not delivered for" in printed
        assert "Check the key in OTEL_EXPORTER_OTLP_HEADERS" in " ".join(printed.split())

    def test_status_without_an_agent_is_5(self, agent: Agent, receiver: OtlpReceiver) -> None:
        found = self.status_json(agent)
        assert found["exit_code"] == 5
        assert found["running"] is None
        assert found["stores"] == []
        assert not agent.state_dir.exists()
        code, printed = self.status(agent)
        assert code == 5
        assert printed.splitlines()[0].startswith("not running.")

    def test_status_of_an_agent_that_was_killed_is_5(
        self, agent: Agent, receiver: OtlpReceiver, tree: JsonTree
    ) -> None:
        """The file that names the agent is still there, but nobody holds the lock."""
        tree.put_turn(message(session(), USED))
        with agent.process("run", **BRISK) as run:
            receiver.wait_for(counted(1), 30)
            run.stop(signal.SIGKILL)
        assert (agent.state_dir / "holder.json").exists()
        assert self.status_json(agent)["exit_code"] == 5

    def test_asking_for_the_status_does_not_keep_an_agent_from_starting(
        self, agent: Agent, receiver: OtlpReceiver, tree: JsonTree
    ) -> None:
        tree.put_turn(message(session(), USED))
        agent.once()
        for _ in range(3):
            with agent.process("status") as asked:
                agent.once()
                asked.wait()


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
