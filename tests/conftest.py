"""A backend, an agent pointed at it, the tree it reads and a ledger, new for each test that asks for one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_agent.ledger.writer import Ledger, open_ledger
from tests.support.agent import Agent
from tests.support.made_stores import JsonTree
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.records import START_NS

# A shell lets its background jobs ignore SIGINT, and nohup lets them ignore SIGHUP. The programs that a test starts would
# inherit that. They do not inherit a handler, so one that does nothing takes its place here.
for _signal in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, lambda _number, _frame: None)


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
