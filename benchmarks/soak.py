"""``make soak``, or ``make soak ARGS="--minutes 60"``: the resident agent among writers that come and go.

Databases are written, replaced and removed, a tree grows new sessions, the backend goes away and comes back, processes
called opencode start and end, settings are read again. What was written has to be what arrived, and the agent's memory,
file descriptors and threads have to be at the end what they were when it had warmed up.
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.measure import machine
from benchmarks.resident import Agent
from benchmarks.store import Store
from benchmarks.tree import append_call, make_tree
from otel_agent.demo.receiver import Receiver

_WARM: Final = 0.3
"""The first part, in which buffers grow to their size."""
_MORE_MB: Final = 6.0
"""By which the median of the last quarter may exceed that of the first one after warming up."""
_HISTORY: Final = 2_000


class Sample(Struct, frozen=True):
    rss_mb: float
    descriptors: int
    threads: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="otel-agent-soak-") as scratch:
        print(f"{machine()}; {chosen.minutes:g} minutes")
        failures = soak(Path(scratch), chosen.minutes * 60)
    for each in failures:
        print(f"FAILED: {each}")
    sys.exit(bool(failures))


def soak(scratch: Path, seconds: float) -> list[str]:
    """What was not as it has to be."""
    data, state = scratch / "opencode", scratch / "state"
    make_tree(data, _HISTORY)
    written, samples, rounds = _HISTORY, list[Sample](), 0
    quick = {"OTEL_METRIC_EXPORT_INTERVAL": "1000", "OTEL_AGENT_SWEEP_INTERVAL_SECONDS": "20"}
    with Receiver() as receiver:
        port = int(receiver.endpoint.rpartition(":")[2])
        with Agent(data, state, receiver.endpoint, **quick) as agent:
            until, tick = time.monotonic() + seconds, threading.Event()
            while time.monotonic() < until:
                rounds += 1
                written += _round(agent, data, scratch, rounds, written, tick)
                samples.append(_sample(agent))
            agent.wait_until_counted(written)
            agent.wait_until(lambda: receiver.spans_by_operation["chat"] >= written)
            counted = sum(p.value for p in receiver.points if p.metric == "opencode.message.count")
            agent.wait_until(
                lambda: sum(p.value for p in receiver.points if p.metric == "opencode.message.count") >= written
            )
            counted = sum(p.value for p in receiver.points if p.metric == "opencode.message.count")
    print(
        f"port {port}: {rounds} rounds, {written:,} messages written, {counted:,.0f} counted, {receiver.span_count:,} spans"
    )
    return _judged(samples) + (
        [] if counted == written else [f"{written} messages were written, {counted:.0f} counted"]
    )


def _round(agent: Agent, data: Path, scratch: Path, number: int, before: int, tick: threading.Event) -> int:
    """Some seconds of a day; returns how many messages were completed in it."""
    name = f"opencode-{number % 3}.db"
    (data / name).unlink(missing_ok=True)
    store = Store(data, name)
    done = 0
    for _ in range(10):
        store.add_messages(5)
        append_call(data, before + done)
        done += 6
        tick.wait(0.05)
    agent.wait_until_counted(before + done)
    store.close()
    (data / name).unlink()
    for each in data.glob(f"{name}-*"):
        each.unlink(missing_ok=True)
    _process(scratch, tick)
    if number % 5 == 0:
        os.kill(agent.process.pid, signal.SIGHUP)
    return done


def _process(scratch: Path, tick: threading.Event) -> None:
    """A process with the name of OpenCode's, long enough to be seen now and then."""
    program = scratch / "opencode-bin" / "opencode"
    if not program.exists():
        program.parent.mkdir()
        shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    with subprocess.Popen([program, "60"]) as process:
        tick.wait(0.3)
        process.kill()


def _sample(agent: Agent) -> Sample:
    process = agent.process
    with process.oneshot():
        return Sample(process.memory_info().rss / 1e6, process.num_fds(), process.num_threads())


def _judged(samples: list[Sample]) -> list[str]:
    warm = samples[round(len(samples) * _WARM) :]
    quarter = max(len(warm) // 4, 1)
    first, last = warm[:quarter], warm[-quarter:]
    found = []
    # Of descriptors the least: how many there are at a moment depends on which database is just open.
    for name, of, more in (("rss_mb", statistics.median, _MORE_MB), ("descriptors", min, 0), ("threads", min, 0)):
        began, ended = (of([getattr(each, name) for each in part]) for part in (first, last))
        print(
            f"{name}: {began:.1f} after warming up, {ended:.1f} at the end, most {max(getattr(each, name) for each in warm):.1f}"
        )
        if ended > began + more:
            found.append(f"{name} grew from {began:.1f} to {ended:.1f}")
    return found


if __name__ == "__main__":
    main()
