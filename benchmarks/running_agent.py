"""Measures how soon a running agent counts a message, and how much it uses for that and while nothing happens."""

import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.agent_process import AgentProcess, clean_environ
from benchmarks.live_screen import LiveFigures, LiveScreen
from benchmarks.pairs import Case, Say
from benchmarks.stores import GrowingDatabase, append_to_tree
from otel_agent.demo.receiver import Receiver

_FIRST_SWEEP_SECONDS: Final = 45.0
"""The pause after a restart, in which the agent looks at everything once."""
_SINGLE_MESSAGES: Final = 100
_BURST: Final = 5_000


class Latency(Struct, frozen=True):
    """The seconds from the completion of a message until it was in the ledger."""

    median_s: float
    p99_s: float


class Resident(Struct, frozen=True):
    """An agent beside a store with a history."""

    store: str
    messages: int
    share: float
    """Of a core, at rest."""
    memory_mb: float
    written_bytes: int
    """What it wrote to the disk at rest."""
    seconds: float
    """How long it was watched at rest."""
    latency: Latency
    cpu_ms: float
    """CPU time for each message that came alone. Milliseconds."""
    burst_s: float
    """From the end of the writing of a burst until all of it was in the ledger. Seconds."""
    live: LiveFigures


def resident(case: Case, state: Path, seconds: float, say: Say) -> Resident:
    """Measure an agent that starts again on a history that it has counted and sent: at rest, then while messages come."""
    with Receiver() as receiver:
        say(f"{case.store}, {case.messages:,} messages: the resident agent counts and sends everything")
        with AgentProcess(case.data, state, receiver.endpoint) as agent:
            agent.wait_until_counted(case.messages)
            agent.wait_until_sent()
        with AgentProcess(case.data, state, receiver.endpoint) as agent:
            say(f"{case.store}, {case.messages:,} messages: {seconds:.0f} s at rest")
            tick = threading.Event()
            tick.wait(_FIRST_SWEEP_SECONDS)
            cpu_s, written, began = agent.cpu_s, agent.written_bytes, time.monotonic()
            tick.wait(seconds)
            share = (agent.cpu_s - cpu_s) / (time.monotonic() - began)
            memory, written = agent.process.memory_info().rss / 1e6, agent.written_bytes - written
            say(f"{case.store}, {case.messages:,} messages: the live screen")
            with LiveScreen(clean_environ(case.data, state)) as screen:
                live = screen.measure(min(seconds, 30))
            say(f"{case.store}, {case.messages:,} messages: {_SINGLE_MESSAGES} messages one by one, and a burst")
            latency, cpu_ms = _singles(agent, case, share)
            burst_s = _burst(agent, case.data)
    return Resident(
        store=case.store,
        messages=case.messages,
        share=share,
        memory_mb=memory,
        written_bytes=written,
        seconds=seconds,
        latency=latency,
        cpu_ms=cpu_ms,
        burst_s=burst_s,
        live=live,
    )


def _singles(agent: AgentProcess, case: Case, share_at_rest: float) -> tuple[Latency, float]:
    """Write messages one by one. Return their latency and the CPU time of each, without what the agent uses at rest."""
    database = GrowingDatabase(case.data, "opencode-local.db") if case.store == "sqlite" else None

    def write(number: int) -> None:
        if database is None:
            append_to_tree(case.data, number)
        else:
            database.add_messages(1)

    write(_SINGLE_MESSAGES)  # the first message of a new session, project or database costs more than those that follow
    agent.wait_until_counted(case.messages + 1)
    began, cpu_s = time.monotonic(), agent.cpu_s
    took = _one_by_one(agent, _SINGLE_MESSAGES, write)
    used_s = agent.cpu_s - cpu_s - share_at_rest * (time.monotonic() - began)
    if database is not None:
        database.close()
    return latency(took), 1_000 * used_s / len(took)


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


def _burst(agent: AgentProcess, data: Path) -> float:
    database, known = GrowingDatabase(data, name="opencode-burst.db"), agent.counted()
    database.add_messages(_BURST)
    wrote = time.perf_counter()
    agent.wait_until_counted(known + _BURST)
    took = time.perf_counter() - wrote
    database.close()
    return took


def latency(took: list[float]) -> Latency:
    """Return the median and the 99th percentile: the smallest that 99 of 100 do not exceed."""
    ordered = sorted(took)
    return Latency(statistics.median(ordered), ordered[-(-99 * len(ordered) // 100) - 1])
