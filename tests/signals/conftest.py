"""A backend, an agent pointed at it, and the stores it reads, new for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent import Agent
from tests.made_stores import JsonTree
from tests.otlp_receiver import OtlpReceiver


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture
def agent(tmp_path: Path, receiver: OtlpReceiver) -> Agent:
    agent = Agent(tmp_path, receiver.endpoint)
    agent.data_dir.mkdir(parents=True)
    return agent


@pytest.fixture
def tree(agent: Agent) -> JsonTree:
    return JsonTree(agent.data_dir)
