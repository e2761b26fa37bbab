"""An environment that says nothing about where to send, a home without secrets, and a backend."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent import Agent
from tests.made_stores import JsonTree
from tests.otlp_receiver import OtlpReceiver

STEERING = (
    "OTEL_",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NETRC",
)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.upper().startswith(STEERING):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


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
