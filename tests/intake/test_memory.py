"""Memory does not follow the length of the history."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import T0, Database, JsonTree, Tokens, message, session

SAY_MOST = """
import atexit, pathlib, sys
atexit.register(lambda: sys.stderr.write(pathlib.Path("/proc/self/status").read_text()))
"""
SHORT, LONG = 2_000, 60_000
MORE_MIB = 70
"""The long history may take so much more than the short one. It takes 39 (database) and 49 (tree), because a first look
joins batches up to 20,000 messages, and SQLite fills its cache of 16 MB. It was 90 when all of it was held at once."""

Fill = Callable[[Path, int], None]


def database(data_dir: Path, count: int) -> None:
    store, of = Database(data_dir / "opencode.db").create(), session()
    with store.connection() as connection:
        records = [message(of, Tokens(700, 50), T0 + 1_000 * number) for number in range(count)]
        store.put_through(connection, of.project, of, *records)


def tree(data_dir: Path, count: int) -> None:
    of = session()
    records = [message(of, Tokens(700, 50), T0 + 1_000 * number) for number in range(count)]
    JsonTree(data_dir).put(of.project, of, *records)


def most_mib(home: Path, fill: Fill, count: int) -> float:
    """The largest resident size of a run that reads, counts and delivers to nowhere, in MiB."""
    home.mkdir()
    agent = Agent(home, "http://127.0.0.1:9")
    fill(agent.data_dir, count)
    with agent.process("run", "--once", prelude=SAY_MOST, OTEL_AGENT_EXPORTER="none") as process:
        run = process.wait()
    assert f"counted {count:,} new messages" in run.stderr
    peak = re.search(r"VmHWM:\s+(\d+) kB", run.stderr)
    assert peak is not None
    return int(peak[1]) / 1_024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("fill", [database, tree])
def test_thirty_times_the_history_needs_about_the_same_memory(tmp_path: Path, fill: Fill) -> None:
    short = most_mib(tmp_path / "short", fill, SHORT)
    long = most_mib(tmp_path / "long", fill, LONG)
    assert long < short + MORE_MIB
