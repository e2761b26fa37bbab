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
SHORT, LONG = 2_000, 40_000
MORE_MIB = 40
"""The long history may take so much more than the short one. It takes 8 (database) and 24 (tree), because a batch holds
up to 4,000 rows or 8,000 files. It would be 60 if all of it were held at once."""

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
def test_twenty_times_the_history_needs_about_the_same_memory(tmp_path: Path, fill: Fill) -> None:
    short = most_mib(tmp_path / "short", fill, SHORT)
    long = most_mib(tmp_path / "long", fill, LONG)
    assert long < short + MORE_MIB
