"""Measure the time and the memory of the main job, and compare them with another program: `make bench`.

make bench ARGS="--messages 100000"
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.agent_process import clean_environ
from benchmarks.measure import Figure, machine, row, run
from benchmarks.peer import PACKAGE, peer_command
from benchmarks.running_agent import idle, latencies
from benchmarks.stores import make_tree
from otel_agent.demo.receiver import Receiver

_ONCE = [sys.executable, "-m", "otel_agent", "run", "--once"]
_SUMMARY = [sys.executable, "-m", "otel_agent", "summary"]
_SESSIONS = [*_SUMMARY, "sessions", "--range", "all"]


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=10_000, help="assistant messages in the tree")
    parser.add_argument("--runs", type=int, default=5, help="runs of each command, in turn")
    parser.add_argument("--idle-seconds", type=float, default=120, help="seconds for which the idle agent is measured")
    parser.add_argument("--no-resident", action="store_true", help="leave out the agent that keeps running")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="otel-agent-bench-") as scratch, Receiver() as receiver:
        data = Path(scratch) / "opencode"
        make_tree(data, chosen.messages)
        print(f"{machine()}\n{chosen.messages:,} assistant messages in a JSON tree, {chosen.runs} runs each, in turn\n")
        _compare(data, receiver.endpoint, chosen.runs)
    if not chosen.no_resident:
        with tempfile.TemporaryDirectory(prefix="otel-agent-bench-") as scratch:
            print("\nthe agent that keeps running")
            for line in latencies(Path(scratch), 200):
                print(line)
            print(idle(Path(scratch), chosen.messages, chosen.idle_seconds))


def _compare(data: Path, endpoint: str, runs: int) -> None:
    """Run the commands in turn, so that a change of the machine's speed affects all of them."""
    peer = peer_command()
    first, sent, again, others = list[Figure](), list[Figure](), list[Figure](), list[Figure]()
    today, sessions = list[Figure](), list[Figure]()
    for number in range(runs):
        looking = _environ(data, data.parent / f"count-{number}")
        counting = looking | {"OTEL_AGENT_EXPORTER": "none"}
        sending = _environ(data, data.parent / f"send-{number}") | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        first.append(run(_ONCE, counting))
        again.append(run(_ONCE, counting))
        today.append(run(_SUMMARY, looking))
        sessions.append(run(_SESSIONS, looking))
        sent.append(run(_ONCE, sending))
        if peer is not None:
            others.append(run(peer, counting))
    print(row("run --once, all new, counted only", first))
    print(row("run --once, all new, spans and totals sent", sent))
    print(row("run --once, nothing new", again))
    print(row("summary, nothing new", today))
    print(row("summary sessions --range all, nothing new", sessions))
    if others:
        print(row(PACKAGE, others))
        print(
            f"\n{PACKAGE}, pair by pair: {_ratios(others, first)} as run --once (all new), "
            f"{_ratios(others, again)} as the next one, {_ratios(others, today)} as summary"
        )
    else:
        print(f"\n{PACKAGE}: not measured, because npm is not here")


def _ratios(theirs: list[Figure], ours: list[Figure]) -> str:
    ratios = [a.wall_s / b.wall_s for a, b in zip(theirs, ours, strict=True)]
    return f"{statistics.median(ratios):.1f} times as long"


def _environ(data: Path, state: Path) -> dict[str, str]:
    return clean_environ(data, state) | {"OPENCODE_DATA_DIR": str(data)}


if __name__ == "__main__":
    main()
