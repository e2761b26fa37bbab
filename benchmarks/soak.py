"""Let an agent run among writers that come and go, and check that it does not grow: `make soak`.

    make soak ARGS="--minutes 60"

Databases are written, replaced and removed. A tree gets new sessions. Processes called opencode start and end, and
settings are read again. All messages have to arrive in the end. The agent must not use more memory, file descriptors or
threads than after warming up.
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

from benchmarks.agent_process import AgentProcess
from benchmarks.measure import machine
from benchmarks.stores import GrowingDatabase, append_to_tree, make_tree
from otel_agent.demo.receiver import Receiver

_WARM: Final = 0.3
"""The first part of the run, in which buffers grow to their size."""
_MORE_MB: Final = 6.0
"""The allowed growth from the first quarter after warming up to the last one, between their medians. Megabytes."""
_HISTORY: Final = 2_000
"""The messages that are there at the start."""


class Sample(Struct, frozen=True):
    """The resources that the agent uses at one moment."""

    rss_mb: float
    descriptors: int
    threads: int


def main() -> None:
    """Run, and print what failed. The exit code is 1 if anything did."""
    parser = argparse.ArgumentParser(
        prog="make soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=3.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="otel-agent-soak-") as scratch:
        print(f"{machine()}; {chosen.minutes:g} minutes")
        failures = soak(Path(scratch), chosen.minutes * 60)
    for each in failures:
        print(f"FAILED: {each}")
    sys.exit(bool(failures))


def soak(scratch: Path, seconds: float) -> list[str]:
    """Run for a time, and return a sentence for each failure."""
    data, state = scratch / "opencode", scratch / "state"
    make_tree(data, _HISTORY)
    written, samples, rounds = _HISTORY, list[Sample](), 0
    quick = {"OTEL_METRIC_EXPORT_INTERVAL": "1000", "OTEL_AGENT_SWEEP_INTERVAL_SECONDS": "20"}
    with Receiver() as receiver:
        port = int(receiver.endpoint.rpartition(":")[2])
        with AgentProcess(data, state, receiver.endpoint, **quick) as agent:
            until, tick = time.monotonic() + seconds, threading.Event()
            while time.monotonic() < until:
                rounds += 1
                written += _round(agent, data, scratch, rounds, written, tick)
                samples.append(_sample(agent))
            agent.wait_until_counted(written)
            agent.wait_until(lambda: receiver.spans_by_operation["chat"] >= written)
            agent.wait_until(lambda: _messages(receiver) >= written)
            counted = _messages(receiver)
    print(
        f"port {port}: {rounds} rounds, {written:,} messages written, {counted:,.0f} counted, {receiver.span_count:,} spans"
    )
    return _judged(samples) + (
        [] if counted == written else [f"{written} messages were written, {counted:.0f} counted"]
    )


def _messages(receiver: Receiver) -> float:
    return sum(point.value for point in receiver.points if point.metric == "opencode.message.count")


def _round(agent: AgentProcess, data: Path, scratch: Path, number: int, before: int, tick: threading.Event) -> int:
    """Write for a few seconds into a new database and the tree, and return how many messages were completed."""
    name = f"opencode-{number % 3}.db"
    (data / name).unlink(missing_ok=True)
    database = GrowingDatabase(data, name)
    done = 0
    for _ in range(10):
        database.add_messages(5)
        append_to_tree(data, before + done)
        done += 6
        tick.wait(0.05)
    agent.wait_until_counted(before + done)
    database.close()
    (data / name).unlink()
    for each in data.glob(f"{name}-*"):
        each.unlink(missing_ok=True)
    _process(scratch, tick)
    if number % 5 == 0:
        os.kill(agent.process.pid, signal.SIGHUP)
    return done


def _process(scratch: Path, tick: threading.Event) -> None:
    """Run a process with the name of OpenCode's, long enough that the agent sometimes sees it."""
    program = scratch / "opencode-bin" / "opencode"
    if not program.exists():
        program.parent.mkdir()
        shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    with subprocess.Popen([program, "60"]) as process:
        tick.wait(0.3)
        process.kill()


def _sample(agent: AgentProcess) -> Sample:
    process = agent.process
    with process.oneshot():
        return Sample(process.memory_info().rss / 1e6, process.num_fds(), process.num_threads())


def _judged(samples: list[Sample]) -> list[str]:
    warm = samples[round(len(samples) * _WARM) :]
    quarter = max(len(warm) // 4, 1)
    first, last = warm[:quarter], warm[-quarter:]
    found = []
    # The minimum of descriptors is compared: their number at a moment depends on which database is open.
    for name, of, more in (("rss_mb", statistics.median, _MORE_MB), ("descriptors", min, 0), ("threads", min, 0)):
        began, ended = (of([getattr(each, name) for each in part]) for part in (first, last))
        print(
            f"{name}: {began:.1f} after warming up, {ended:.1f} at the end, maximum {max(getattr(each, name) for each in warm):.1f}"
        )
        if ended > began + more:
            found.append(f"{name} grew from {began:.1f} to {ended:.1f}")
    return found


if __name__ == "__main__":
    main()
