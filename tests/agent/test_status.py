"""`otel-agent status` beside a resident agent, and without one."""

from __future__ import annotations

import json
import signal
from typing import Any

from tests.agent.resident import BRISK, USED, counted
from tests.support.agent import Agent
from tests.support.made_stores import T0, Database, JsonTree, message, session
from tests.support.otlp_receiver import OtlpReceiver, accept, unauthorized
from tests.support.waiting import eventually


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
        assert (found["spans_owed"], found["spans_pending"]) == (2, 2)
        assert all(each["failing_ms"] and "401" in each["reason"] for each in found["deliveries"])
        assert "not delivered for" in printed
        assert "Check the key in OTEL_EXPORTER_OTLP_HEADERS" in " ".join(printed.split())

    def test_a_signal_whose_exporter_was_switched_off_is_no_failure(
        self, agent: Agent, receiver: OtlpReceiver, tree: JsonTree
    ) -> None:
        tree.put_turn(message(session(), USED))
        receiver.behave(then=unauthorized())
        assert agent.attempt().returncode == 3
        receiver.behave(then=accept())
        with agent.process("run", OTEL_METRICS_EXPORTER="none", **BRISK) as run:
            receiver.wait_for(lambda r: r.chats(), 30)
            eventually(lambda: self.status_json(agent)["exit_code"], 0)
            found = json.loads(agent.command("status", "--json", OTEL_METRICS_EXPORTER="none").stdout)
            run.stop()
        assert [each["signal"] for each in found["deliveries"]] == ["traces"]

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
