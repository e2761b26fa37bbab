"""The backend's view of what arrived, and stores of every kind to read, new for each test."""

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
    """A test that asks for ``store`` runs once for each kind in its module's ``STORES``."""
    if "store" in metafunc.fixturenames:
        metafunc.parametrize("store", metafunc.module.STORES, indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest, agent: Agent) -> Store:
    return make_store(agent.data_dir, request.param)


@pytest.fixture
def arrived(receiver: OtlpReceiver) -> Arrived:
    return Arrived(receiver)


@pytest.fixture
def old_tree(agent: Agent) -> OldTree:
    return OldTree(agent.data_dir)


@pytest.fixture
def database(agent: Agent) -> Database:
    """`opencode.db` as 1.18.33 makes it, without rows."""
    return Database(agent.data_dir / "opencode.db").create()


@pytest.fixture
def public(tmp_path: Path, receiver: OtlpReceiver) -> Iterator[Agent]:
    with public_agent(tmp_path, receiver.endpoint) as agent:
        yield agent
