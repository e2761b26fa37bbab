"""An agent with a store that the real OpenCode wrote, and the backends behind the tiers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.real_programs import COLLECTOR
from tests.support.real_programs.clickhouse import ClickHouse
from tests.support.real_programs.collector import Collector, otlp_to_files
from tests.support.real_programs.prometheus import Prometheus
from tests.team.support.recount import STORE, recounted
from tests.team.support.tiers import Secrets


@pytest.fixture
def expected() -> dict[str, Any]:
    """Return the recount of the agent's store."""
    return recounted()


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    """Return the gateway's certificate and token."""
    return Secrets(tmp_path / "tls")


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    """Yield a running Prometheus without data."""
    with Prometheus(tmp_path / "prometheus") as prometheus:
        yield prometheus


@pytest.fixture
def clickhouse(tmp_path: Path) -> Iterator[ClickHouse]:
    """Yield a running ClickHouse with the table of spans."""
    with ClickHouse(tmp_path / "clickhouse") as clickhouse:
        for statement in (COLLECTOR / "clickhouse" / "schema.sql").read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                clickhouse.do(statement)
        yield clickhouse


@pytest.fixture
def traces(tmp_path: Path) -> Iterator[Collector]:
    """Yield a Collector in place of a backend for traces. It writes the spans to a file, and tests count them there."""
    with Collector(otlp_to_files(), tmp_path / "traces") as traces:
        yield traces


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """Return an agent of the user `ada` in the team `search`, with a copy of the store."""
    agent = Agent(tmp_path / "home", "", extra={"OTEL_RESOURCE_ATTRIBUTES": "team=search,user=ada"})
    shutil.copytree(STORE / "opencode", agent.data_dir)
    return agent
