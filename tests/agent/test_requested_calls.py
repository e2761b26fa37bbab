"""A summary asks the resident for the tool calls of the history: it reads them a slice at a time, between its passes."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from otel_agent.agent.requested_calls import RequestedCalls
from otel_agent.intake.catch_up import calls_of_history, opened
from otel_agent.ledger import calls_request
from otel_agent.settings import Settings
from tests.support.agent import Agent
from tests.support.made_stores import T0, JsonTree, Message, Tokens, message, session, tool

MESSAGES = 600
"""More than two batches."""


def put_history(folder: Path, number: int) -> None:
    of = session()
    made: list[Message] = [
        message(of, Tokens(10), T0 + each * 60_000, each, finish="tool-calls") for each in range(1, number + 1)
    ]
    JsonTree(folder).put(of.project, of, *made, *(tool(each, "bash", 9) for each in made))


def test_nothing_is_read_unless_somebody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    put_history(tmp_path / "data" / "opencode", MESSAGES)
    seconds = count()
    with opened(Settings(state_dir=tmp_path / "state")) as parts:
        parts.ingest.run()
        # A clock on which each look takes a second: a slice is one batch.
        calls = RequestedCalls(tmp_path / "state", lambda: calls_of_history(parts), lambda: float(next(seconds)))
        kept = parts.ledger.kept_calls
        assert not calls.step()
        assert kept.count_not_read() == MESSAGES
        calls_request.ask(tmp_path / "state")
        left = []
        while calls.step():
            left.append(kept.count_not_read())
        assert len(left) > 1
        assert left == sorted(set(left), reverse=True)
        assert kept.count_not_read() == 0
        assert not calls_request.is_asked(tmp_path / "state")
        assert not calls.step()


def test_a_summary_beside_the_agent_has_the_whole_history(agent: Agent) -> None:
    put_history(agent.data_dir, 30)
    with agent.process("run") as resident:
        resident.wait_for_log("counted 30 messages")
        run = agent.command("summary", "tools", "--json")
    assert run.returncode == 0, run.stderr
    assert '"calls": 30' in run.stdout
    assert '"messages_not_read": 0' in run.stdout
