"""What arrived in words, and more stores to read, new for each test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import Database, OldTree
from tests.support.otlp_receiver import OtlpReceiver
from tests.traps.arrived import Arrived

NOBODY = 65_534
"""The unprivileged user of Debian, as of every other Linux."""


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
    """An agent that file modes bind: run as the tests' own user, or, where that is root, as nobody."""
    if os.getuid() != 0:
        yield Agent(tmp_path, receiver.endpoint)
        return
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        home.chmod(0o777)
        agent = Agent(home, receiver.endpoint, uid=NOBODY)
        agent.state_dir.mkdir(mode=0o777)
        agent.state_dir.chmod(0o777)
        yield agent
