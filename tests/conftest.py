"""Fixtures that are new for each test: a backend, an agent that sends to it, a tree that it reads, and a ledger."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.writer import Ledger
from tests.support.agent import Agent
from tests.support.ledgers import assert_sums_are_right
from tests.support.made_stores import JsonTree
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.random_examples import choose, few_cases, seed_line
from tests.support.records import START_NS
from tests.support.surroundings import of_the_network, settle

settle()

# A shell lets its background jobs ignore SIGINT, and nohup lets them ignore SIGHUP. The programs that a test starts would
# inherit that. They do not inherit a handler, so a handler that does nothing replaces it here.
for _signal in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, lambda _number, _frame: None)


REAL_PROGRAMS = frozenset(
    {"opencode", "terminal", "browser", "collector", "prometheus", "jaeger", "kafka", "clickhouse"}
)
"""The marks of tests that drive a program of others."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Decide which examples Hypothesis tries."""
    choose(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the tests of real programs: they wait more than they compute, and others run beside them."""
    few_cases(config, items)
    items.sort(key=lambda item: REAL_PROGRAMS.isdisjoint(mark.name for mark in item.iter_markers()))


def pytest_report_header(config: pytest.Config) -> str:
    """Say how the same examples are tried again."""
    return seed_line(config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it below failures too, where a person looks for it."""
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line(seed_line(terminalreporter.config))


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the paths of homes that nobody has had."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, homes: Iterator[Path]) -> None:
    """Give the test an empty home, and let it reach every server directly.

    The home of whoever runs it may have an OpenCode with stores, settings of the agent, or passwords in .netrc.
    """
    home = next(homes)
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in of_the_network():
        monkeypatch.delenv(name)


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    """Yield a backend that accepts everything."""
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture
def agent(tmp_path: Path, receiver: OtlpReceiver) -> Agent:
    """Return an agent that sends to the receiver and has an empty data folder."""
    agent = Agent(tmp_path, receiver.endpoint)
    agent.data_dir.mkdir(parents=True)
    return agent


@pytest.fixture
def tree(agent: Agent) -> JsonTree:
    """Return an empty JSON tree in the agent's data folder."""
    return JsonTree(agent.data_dir)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Yield an empty ledger that counts the whole history. At the end its kept sums are those of its messages."""
    ledger = open_ledger(tmp_path / "state", now_ns=START_NS, backfill_from_ms=0)
    yield ledger
    ledger.close()
    assert_sums_are_right(tmp_path / "state")
