"""A backend, an agent pointed at it, the tree it reads and a ledger, new for each test that asks for one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_agent.ledger.writer import Ledger, open_ledger
from tests.agent import Agent
from tests.ledger.records import START_NS
from tests.made_stores import JsonTree
from tests.otlp_receiver import OtlpReceiver

# Whoever runs the tests may ignore signals: a shell does so in the background, nohup does. What a test starts would
# inherit that, but not a handler of ours, which ignores them here as well.
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
