"""SIGHUP makes a resident agent read its settings again."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.agent.resident import BRISK, USED, counted
from tests.support.agent import Agent
from tests.support.made_stores import T0, JsonTree, message, session
from tests.support.otlp_receiver import OtlpReceiver


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
