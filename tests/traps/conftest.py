"""What arrived at the backend, and stores of every kind to read, new for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store, make_store
from tests.support.made_stores import Database, OldTree
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.public_agent import public_agent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``store`` once for each kind in its module's ``STORES``."""
    if "store" in metafunc.fixturenames:
        metafunc.parametrize("store", metafunc.module.STORES, indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest, agent: Agent) -> Store:
    """Return an empty store of the kind that the test runs for."""
    return make_store(agent.data_dir, request.param)


@pytest.fixture
def arrived(receiver: OtlpReceiver) -> Arrived:
    """Return what arrived at the receiver, as a dashboard reads it."""
    return Arrived(receiver)


@pytest.fixture
def old_tree(agent: Agent) -> OldTree:
    """Return an empty tree as OpenCode 0.5 and before made it."""
    return OldTree(agent.data_dir)


@pytest.fixture
def database(agent: Agent) -> Database:
    """Return `opencode.db` as 1.18.33 makes it, without rows."""
    return Database(agent.data_dir / "opencode.db").create()


@pytest.fixture
def public(tmp_path: Path, receiver: OtlpReceiver) -> Iterator[Agent]:
    """Yield an agent that is not root's."""
    with public_agent(tmp_path, receiver.endpoint) as agent:
        yield agent
