"""An entry of OTEL_RESOURCE_ATTRIBUTES that is left out is said by each command that a person asks for it."""

from __future__ import annotations

import pytest

from otel_agent.otlp.resource import resource
from otel_agent.settings.resource_attributes import doubts
from tests.support.agent import Agent
from tests.support.otlp_receiver import OtlpReceiver

VARIABLE = "OTEL_RESOURCE_ATTRIBUTES"
WRITTEN = {
    "": [],
    "team=search": [],
    "team=search,": [],
    " team = search , ,user=ada": [],
    "team=a=b,user=": [],
    "team=search,user": ["entry 2 (user) has no `=`"],
    "team=search, two\x1b[31m words ": ["entry 2 (two [31m words) has no `=`"],
    "=search": ["entry 1 (=search) has no name"],
    "team:search,user ada": ["entry 1 (team:search) has no `=`", "entry 2 (user ada) has no `=`"],
}


@pytest.mark.parametrize(("text", "said"), WRITTEN.items())
def test_each_entry_that_is_left_out_is_named(text: str, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = doubts({VARIABLE: text})
    assert [each.partition(", so it is left out")[0] for each in found] == [f"{VARIABLE}: {each}" for each in said]
    entries = [each for each in text.split(",") if each.strip()]
    monkeypatch.setenv(VARIABLE, "")
    without = len(resource("instance-1").attributes)
    monkeypatch.setenv(VARIABLE, text)
    assert len(resource("instance-1").attributes) == without + len(entries) - len(said)


def test_a_long_entry_is_shortened() -> None:
    (found,) = doubts({VARIABLE: "x" * 100_000})
    assert len(found) < 250


@pytest.mark.parametrize("command", [("run", "--once"), ("config", "check"), ("doctor",)])
def test_a_person_reads_it(agent: Agent, receiver: OtlpReceiver, command: tuple[str, ...]) -> None:
    run = agent.command(*command, OTEL_RESOURCE_ATTRIBUTES="team=search,user")
    assert "entry 2 (user) has no `=`" in " ".join(f"{run.stdout} {run.stderr}".split())


def test_nothing_is_said_if_nothing_is_exported(agent: Agent, receiver: OtlpReceiver) -> None:
    run = agent.command("config", "check", OTEL_RESOURCE_ATTRIBUTES="user", OTEL_AGENT_EXPORTER="none")
    assert run.returncode == 0
    assert "OTEL_RESOURCE_ATTRIBUTES" not in run.stdout + run.stderr
