"""The resident agent, looked at from outside while it works: how soon it counts, and what it costs."""

import os
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from benchmarks.store import Store
from benchmarks.tree import append_call, make_tree
from otel_agent.demo.receiver import Receiver

_TICK_SECONDS: Final = 0.002
_PATIENCE_SECONDS: Final = 120.0
_SETTLING_SECONDS: Final = 45.0
"""After a restart, in which everything is looked at once."""


class Agent:
    """`otel-agent run` as a process of its own, with a ledger of its own, while entered."""

    def __init__(self, data: Path, state: Path, endpoint: str, **variables: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        self._environ = clean | {
            "XDG_DATA_HOME": str(data.parent),
            "XDG_STATE_HOME": str(state),
            "XDG_CONFIG_HOME": str(state / "no-settings"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_AGENT_DISCOVER_STORES": "false",
            **variables,
        }
        self.ledger = state / "otel-agent" / "ledger.db"
        self._log = state / "log"

    def __enter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "otel_agent", "run"], env=self._environ, stderr=log, stdout=log
            )
        self.process = psutil.Process(self._process.pid)
        self.wait_until(lambda: "counted" in self._log.read_text() or "no OpenCode data" in self._log.read_text())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(30)

    def counted(self) -> int:
        with closing(sqlite3.connect(f"{self.ledger.as_uri()}?mode=ro", uri=True)) as ledger:
            return int(ledger.execute("SELECT count(*) FROM message WHERE state = 2").fetchone()[0])

    def wait_until_counted(self, messages: int) -> None:
        with closing(sqlite3.connect(f"{self.ledger.as_uri()}?mode=ro", uri=True)) as ledger:
            query = "SELECT count(*) FROM message WHERE state = 2"
            self.wait_until(lambda: int(ledger.execute(query).fetchone()[0]) >= messages)

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Raises ``TimeoutError``, with what it logged."""
        until, tick = time.monotonic() + _PATIENCE_SECONDS, threading.Event()
        while not true():
            if time.monotonic() > until or self._process.poll() is not None:
                raise TimeoutError(f"it did not come about:\n{self._log.read_text()[-2000:]}")
            tick.wait(_TICK_SECONDS)

    @property
    def cpu_s(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system

    @property
    def written_bytes(self) -> int:
        """To the disk, as the kernel counts; 0 where it does not."""
        counters = getattr(self.process, "io_counters", None)
        return int(counters().write_bytes) if counters is not None else 0


def latencies(scratch: Path, messages: int) -> list[str]:
    """From the write of ``completed`` to the ledger, in a database and in a tree; and a burst."""
    rows = []
    with Receiver() as receiver:
        for kind in ("SQLite", "JSON tree"):
            data, state = scratch / kind / "opencode", scratch / kind / "state"
            make_tree(data, 1_000) if kind == "JSON tree" else data.mkdir(parents=True)
            with Agent(data, state, receiver.endpoint) as agent:
                took = _one_by_one(agent, data, kind, messages)
                rows.append(_row(f"completed to ledger, {kind}, {messages} messages", took))
                if kind == "SQLite":
                    rows.append(_burst(agent, data))
    return rows


def idle(scratch: Path, messages: int, seconds: float) -> str:
    """On a history at rest, after a restart."""
    data, state = scratch / "idle" / "opencode", scratch / "idle" / "state"
    make_tree(data, messages)
    with Receiver() as receiver:
        with Agent(data, state, receiver.endpoint) as agent:
            agent.wait_until_counted(messages)
            agent.wait_until(lambda: receiver.span_count >= 2 * messages)  # each is a turn of its own
        tick = threading.Event()
        with Agent(data, state, receiver.endpoint) as agent:
            tick.wait(_SETTLING_SECONDS)
            cpu_s, written, began = agent.cpu_s, agent.written_bytes, time.monotonic()
            tick.wait(seconds)
            share = (agent.cpu_s - cpu_s) / (time.monotonic() - began)
            rss, more = agent.process.memory_info().rss / 1e6, agent.written_bytes - written
    return f"idle on {messages:,} messages, {seconds:.0f} s: {share:.2%} of a core, {rss:.0f} MB, {more:,} bytes written to disk"


def _one_by_one(agent: Agent, data: Path, kind: str, messages: int) -> list[float]:
    """Each is written when the one before was counted, after a pause of its own length."""
    took, tick = [], threading.Event()
    store = Store(data) if kind == "SQLite" else None
    known = agent.counted()
    for number in range(messages):
        tick.wait(0.05 + (number * 37 % 100) / 200)
        if store is not None:
            store.add_messages(1)
        else:
            append_call(data, number)
        began = time.perf_counter()
        agent.wait_until_counted(known + number + 1)
        took.append(time.perf_counter() - began)
    if store is not None:
        store.close()
    return took


def _burst(agent: Agent, data: Path, messages: int = 5_000) -> str:
    store, known = Store(data, name="opencode-burst.db"), agent.counted()
    began = time.perf_counter()
    store.add_messages(messages)
    wrote = time.perf_counter() - began
    agent.wait_until_counted(known + messages)
    took = time.perf_counter() - began - wrote
    store.close()
    return f"a burst of {messages:,} messages, written in {wrote:.2f} s: all in the ledger {took:.2f} s later"


def _row(name: str, took: list[float]) -> str:
    ordered = sorted(took)
    p99 = ordered[min(len(ordered) - 1, round(len(ordered) * 0.99))]
    return f"{name}: median {statistics.median(took):.2f} s, 99th percentile {p99:.2f} s, most {ordered[-1]:.2f} s"
