"""Measures how soon a running agent counts a message, and how much it uses while nothing happens."""

import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.agent_process import AgentProcess
from benchmarks.stores import GrowingDatabase, append_to_tree, make_tree
from otel_agent.demo.receiver import Receiver

_FIRST_SWEEP_SECONDS: Final = 45.0
"""The pause after a restart, in which the agent looks at everything once."""


def latencies(scratch: Path, messages: int) -> list[str]:
    """Measure the time from the completion of a message until it is in the ledger, and the same for a burst.

    Returns a line for each figure.
    """
    with Receiver() as receiver:
        data, state = scratch / "SQLite" / "opencode", scratch / "SQLite" / "state"
        data.mkdir(parents=True)
        with AgentProcess(data, state, receiver.endpoint) as agent:
            database = GrowingDatabase(data)
            took = _one_by_one(agent, messages, lambda _: database.add_messages(1))
            database.close()
            rows = [_row(f"completed to ledger, SQLite, {messages} messages", took), _burst(agent, data)]
        data, state = scratch / "JSON tree" / "opencode", scratch / "JSON tree" / "state"
        make_tree(data, 1_000)
        with AgentProcess(data, state, receiver.endpoint) as agent:
            took = _one_by_one(agent, messages, lambda number: append_to_tree(data, number))
            rows.append(_row(f"completed to ledger, JSON tree, {messages} messages", took))
    return rows


def idle(scratch: Path, messages: int, seconds: float) -> str:
    """Measure how much an agent uses after a restart while its history does not change. Returns a line."""
    data, state = scratch / "idle" / "opencode", scratch / "idle" / "state"
    make_tree(data, messages)
    with Receiver() as receiver:
        with AgentProcess(data, state, receiver.endpoint) as agent:
            agent.wait_until_counted(messages)
            # Each message is also a turn, so it has two spans.
            agent.wait_until(lambda: receiver.span_count >= 2 * messages)
        tick = threading.Event()
        with AgentProcess(data, state, receiver.endpoint) as agent:
            tick.wait(_FIRST_SWEEP_SECONDS)
            cpu_s, written, began = agent.cpu_s, agent.written_bytes, time.monotonic()
            tick.wait(seconds)
            share = (agent.cpu_s - cpu_s) / (time.monotonic() - began)
            rss, more = agent.process.memory_info().rss / 1e6, agent.written_bytes - written
    return f"idle on {messages:,} messages, {seconds:.0f} s: {share:.2%} of a core, {rss:.0f} MB, {more:,} bytes written to disk"


def _one_by_one(agent: AgentProcess, messages: int, write: Callable[[int], None]) -> list[float]:
    """Write messages after pauses of different lengths, each after the previous one was counted. Return their latencies."""
    took, tick, known = [], threading.Event(), agent.counted()
    for number in range(messages):
        tick.wait(0.05 + (number * 37 % 100) / 200)
        write(number)
        began = time.perf_counter()
        agent.wait_until_counted(known + number + 1)
        took.append(time.perf_counter() - began)
    return took


def _burst(agent: AgentProcess, data: Path, messages: int = 5_000) -> str:
    database, known = GrowingDatabase(data, name="opencode-burst.db"), agent.counted()
    began = time.perf_counter()
    database.add_messages(messages)
    wrote = time.perf_counter() - began
    agent.wait_until_counted(known + messages)
    took = time.perf_counter() - began - wrote
    database.close()
    return f"a burst of {messages:,} messages, written in {wrote:.2f} s: all in the ledger {took:.2f} s later"


def _row(name: str, took: list[float]) -> str:
    ordered = sorted(took)
    p99 = ordered[min(len(ordered) - 1, round(len(ordered) * 0.99))]
    return f"{name}: median {statistics.median(took):.2f} s, 99th percentile {p99:.2f} s, maximum {ordered[-1]:.2f} s"
