"""Stores that the real programs wrote, against a recount made without this agent (`expected.json` of each store)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import Tokens
from tests.support.paths import STORES

REAL = sorted(path.parent for path in STORES.glob("*/expected.json"))
OVERLAPPING = [path for path in REAL if "overlap" in json.loads((path / "expected.json").read_text())]
"""Those whose recount says which tokens are recorded in two categories."""

OUTSIDE = "scratch"
"""The name of the folder that the sessions outside any repository were started in."""


@pytest.fixture(params=REAL, ids=lambda path: path.name)
def expected(request: pytest.FixtureRequest, agent: Agent) -> dict[str, Any]:
    """The recount, its store copied to where the agent looks."""
    real: Path = request.param
    shutil.copytree(real / "opencode", agent.data_dir, dirs_exist_ok=True, copy_function=shutil.copyfile)
    recount: dict[str, Any] = json.loads((real / "expected.json").read_text())
    return recount


def tokens(of: dict[str, Any]) -> Tokens:
    return Tokens(**{kind: of[kind] for kind in Tokens._fields})


def split(recount: dict[str, Any], by: str) -> dict[str, Tokens]:
    return {name: tokens(row) for name, row in recount["by"][by].items() if any(tokens(row))}


def short(worktree: str) -> str:
    return OUTSIDE if worktree == "/" else Path(worktree).name


def test_every_completed_message_counts_once(agent: Agent, expected: dict[str, Any], arrived: Arrived) -> None:
    agent.once()
    agent.once()
    assert arrived.tokens() == tokens(expected["tokens"])
    assert arrived.messages() == expected["messages"]
    assert arrived.cost() == pytest.approx(expected["cost"], rel=1e-9)


def test_tokens_belong_to_the_agent_model_and_project_of_the_recount(
    agent: Agent, expected: dict[str, Any], arrived: Arrived
) -> None:
    agent.once()
    assert arrived.tokens_by("gen_ai.agent.name") == split(expected, "agent")
    models = {model.partition("/")[2]: used for model, used in split(expected, "model").items()}
    assert arrived.tokens_by("gen_ai.request.model") == models
    projects = {short(worktree): used for worktree, used in split(expected, "project").items()}
    assert arrived.tokens_by("opencode.project.name") == projects


def test_spans_add_up_to_the_tokens_of_each_session(agent: Agent, expected: dict[str, Any], arrived: Arrived) -> None:
    agent.once()
    found: dict[str, Tokens] = {}
    for span in arrived.chats():
        used = Tokens(*(int(str(span.attributes.get(f"opencode.token.{kind}", 0))) for kind in Tokens._fields))
        session = str(span.attributes["session.id"])
        found[session] = found.get(session, Tokens()).plus(used)
    assert {session: used for session, used in found.items() if any(used)} == split(expected, "session")


def test_durations_of_turns_and_tools_are_those_of_their_spans(
    agent: Agent, expected: dict[str, Any], arrived: Arrived
) -> None:
    """A turn whose end nobody can know has a span and no duration."""
    del expected
    agent.once()
    for metric, operation in (
        ("gen_ai.invoke_agent.duration", "invoke_agent"),
        ("gen_ai.execute_tool.duration", "execute_tool"),
    ):
        spans = [each for each in arrived.receiver.spans() if each.attributes["gen_ai.operation.name"] == operation]
        points = [point for (name, _), point in arrived.receiver.latest().items() if name == metric]
        assert sum(point.count or 0 for point in points) == len(spans)
        lasted = sum(span.end_ns - span.start_ns for span in spans) / 1e9
        assert sum(point.sum or 0 for point in points) == pytest.approx(lasted)


@pytest.mark.parametrize("expected", OVERLAPPING, ids=lambda path: path.name, indirect=True)
def test_disjoint_accounting_leaves_out_exactly_the_overlap(
    agent: Agent, expected: dict[str, Any], arrived: Arrived
) -> None:
    agent.once(OTEL_AGENT_ACCOUNTING="disjoint")
    overlap = Tokens(input=expected["overlap"]["cache_read"], output=expected["overlap"]["reasoning"])
    assert arrived.tokens().plus(overlap) == tokens(expected["tokens"])
