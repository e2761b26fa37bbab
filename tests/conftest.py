"""A backend, an agent pointed at it, the tree it reads and a ledger, new for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_agent.ledger.writer import Ledger, open_ledger
from tests.support.agent import Agent
from tests.support.made_stores import JsonTree
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.records import START_NS


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


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = open_ledger(tmp_path / "state", now_ns=START_NS, backfill_from_ms=0)
    yield ledger
    ledger.close()
