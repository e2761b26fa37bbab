"""An agent with an empty database of 1.x or of 2.x."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import Database, DatabaseV2
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.public_agent import public_agent


@pytest.fixture
def database(agent: Agent) -> Database:
    """Return `opencode.db` as 1.18.33 makes it, without rows."""
    return Database(agent.data_dir / "opencode.db").create()


@pytest.fixture
def new(agent: Agent) -> DatabaseV2:
    """Return `opencode.db` as 2.x makes it, without rows."""
    return DatabaseV2(agent.data_dir / "opencode.db").create()


@pytest.fixture
def public(tmp_path: Path, receiver: OtlpReceiver) -> Iterator[Agent]:
    """Yield an agent that is not root's."""
    with public_agent(tmp_path, receiver.endpoint) as agent:
        yield agent
