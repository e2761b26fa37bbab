"""The store of an OpenCode that runs with another environment is found and stays known."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import T0, JsonTree, Project, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver

INPUT = {"gen_ai.token.type": "input", "opencode.project.name": "only-here"}
"""Attributes of one test's own project: the store of an OpenCode that another test runs just now is found too."""
ONLY_HERE = Project(id="f" * 40, worktree="/srv/only-here")


class TestDiscovery:
    """Another OpenCode keeps its data elsewhere."""

    @pytest.fixture
    def opencode(self, tmp_path: Path) -> Path:
        program = tmp_path / "bin" / "opencode"
        program.parent.mkdir()
        shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
        return program

    def test_the_store_of_a_running_opencode_is_found_and_stays_known(
        self, agent: Agent, receiver: OtlpReceiver, opencode: Path
    ) -> None:

        elsewhere = agent.home / "elsewhere"
        found = replace(agent, extra={"OTEL_AGENT_DISCOVER_STORES": "true"})
        JsonTree(elsewhere / "opencode").put_turn(message(session(project=ONLY_HERE), Tokens(7)))
        environment = {"XDG_DATA_HOME": str(elsewhere), "ANTHROPIC_API_KEY": "s3cret-key"}
        with subprocess.Popen([opencode, "300"], env=environment) as running:
            try:
                found.once()
            finally:
                running.kill()
        assert receiver.total("opencode.token.usage", INPUT) == 7
        assert b"s3cret" not in b"".join(path.read_bytes() for path in agent.state_dir.glob("ledger.db*"))
        more = message(session(project=ONLY_HERE), Tokens(9), T0 + 60_000, counter=2)
        JsonTree(elsewhere / "opencode").put_turn(more)
        found.once()
        assert receiver.total("opencode.token.usage", INPUT) == 16
        agent.once()

    def test_no_running_opencode_is_asked_when_discovery_is_switched_off(
        self, agent: Agent, receiver: OtlpReceiver, opencode: Path
    ) -> None:

        JsonTree(agent.home / "elsewhere" / "opencode").put_turn(message(session(), Tokens(7)))
        with subprocess.Popen([opencode, "300"], env={"XDG_DATA_HOME": str(agent.home / "elsewhere")}) as running:
            try:
                agent.once()
            finally:
                running.kill()
        assert receiver.total("opencode.message.count") == 0
