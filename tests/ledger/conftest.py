"""A ledger of its own for each test, and an agent with a backend where a whole run is needed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_agent.ledger.writer import Ledger, open_ledger
from tests.agent import Agent
from tests.ledger.records import START_NS
from tests.otlp_receiver import OtlpReceiver

NOBODY = 65_534
"""The unprivileged user of Debian, as of every other Linux."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = open_ledger(tmp_path / "state", now_ns=START_NS, backfill_from_ms=0)
    yield ledger
    ledger.close()


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
def public(tmp_path: Path, receiver: OtlpReceiver) -> Iterator[Agent]:
    """An agent that file modes bind: run as the tests' own user, or, where that is root, as nobody."""
    if os.getuid() != 0:
        yield Agent(tmp_path, receiver.endpoint)
        return
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        home.chmod(0o777)
        public = Agent(home, receiver.endpoint, uid=NOBODY)
        yield public
