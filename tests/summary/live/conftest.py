"""A machine with four sessions: two of today, one of three days ago, one of two months ago."""

from __future__ import annotations

import pytest

from otel_agent.summary.live import foreseeing
from tests.summary.live.made_source import MadeSource, put
from tests.summary.made_machine import MadeMachine
from tests.support.made_stores import Project


@pytest.fixture(autouse=True)
def nothing_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no tab ahead, so that a test counts what it asks for itself."""
    monkeypatch.setattr(foreseeing, "_AHEAD_SECONDS", 3_600.0)


@pytest.fixture
def source(machine: MadeMachine) -> MadeSource:
    app = Project(id="a" * 40, worktree="/home/dev/app")
    put(machine, 1, 100, model="gpt", agent="build", project=app, directory=app.worktree)
    put(machine, 2, 20, model="glm", agent="plan")
    put(machine, 3, 3, minutes=3 * 24 * 60, model="glm", agent="plan")
    put(machine, 4, 5000, minutes=60 * 24 * 60, model="old", agent="build")
    return MadeSource(machine)
