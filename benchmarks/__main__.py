"""Measure the time and the memory of the main job, in turn with another program: `make bench`.

    make bench ARGS="--messages 100000"
    make bench ARGS="--messages 10000 100000 1000000 --write docs/benchmarks.md"

It first writes a made-up history. Then it measures a first look, which reads all of it into a new ledger, and later
looks at each view. Beside the first look it measures ccusage, which adds up everything each time. It comes from npm at
the first use. `run --once` sends spans and totals to a receiver here, and a profile says what share of it is the SDK's
encoding. At the end comes the resident agent with the live screen.
"""

import argparse
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from benchmarks.document import Results, Sent, document
from benchmarks.encoding import Encoding
from benchmarks.measure import machine, medians, run
from benchmarks.pairs import AGENT, MAKERS, Case, StoreKind, compare
from benchmarks.peer import peer_command
from benchmarks.running_agent import resident
from otel_agent import __version__
from otel_agent.demo.receiver import Receiver

_LARGEST_TREE: Final = 200_000
"""Larger histories are measured as SQLite only: a tree has a file for each message."""
_LARGEST_SENT: Final = 200_000
"""The largest history up to this one is sent, and a resident agent is measured on it: that takes minutes."""
_GROWS: Final = ("tree", "sqlite")
"""The stores that grow while a resident agent is measured on them."""
_DROP_CACHES: Final = Path("/proc/sys/vm/drop_caches")


def main() -> None:
    """Measure, print the document, and write what was asked for."""
    chosen = _parser().parse_args()
    results = _read(chosen.render) if chosen.render else _measured(chosen)
    text = document(results)
    print(text)
    if chosen.json:
        chosen.json.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--messages", type=int, nargs="+", default=[10_000], help="assistant messages of each history (default: 10000)")
    add("--store", choices=MAKERS, nargs="+", default=list(MAKERS), help="kinds of store (default: all)")
    add("--runs", type=int, default=3, help="runs of each command, in turn (default: %(default)s)")
    add("--cold", action="store_true", help="empty the page cache before each first look (Linux, as root)")
    add("--no-sent", action="store_true", help="leave out `run --once` with everything sent")
    add("--no-resident", action="store_true", help="leave out the resident agent and the live screen")
    add("--idle-seconds", type=float, default=60, help="seconds for which it is watched at rest (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    add("--write", type=Path, metavar="FILE", help="write the document, such as docs/benchmarks.md")
    add("--render", type=Path, metavar="FILE", help="measure nothing, and take the figures that --json wrote")
    return parser


def _read(file: Path) -> Results:
    return msgspec.json.decode(file.read_bytes(), type=Results)


def _measured(chosen: argparse.Namespace) -> Results:
    """Measure each store in turn, and delete it before the next one is written."""
    results = Results(
        date=datetime.now(UTC).date().isoformat(),
        agent=__version__,
        machine=machine(),
        runs=chosen.runs,
        cold=chosen.cold,
    )
    peer = peer_command()
    if peer is None:
        _say("ccusage is not measured: it needs Linux on x86-64 or ARM, and npm")
    for messages in chosen.messages:
        for store in chosen.store:
            if store == "tree" and messages > _LARGEST_TREE:
                _say(f"tree, {messages:,} messages: left out, only SQLite is measured at this size")
                continue
            with tempfile.TemporaryDirectory(prefix="otel-agent-bench-") as scratch:
                results = _add_store(results, chosen, store, messages, Path(scratch), peer)
    return results


def _add_store(
    results: Results,
    chosen: argparse.Namespace,
    store: StoreKind,
    messages: int,
    scratch: Path,
    peer: list[str] | None,
) -> Results:
    """Measure one store, and return the results with it."""
    case = Case(store, messages, scratch)
    _say(f"{store}, {messages:,} messages: the history is written")
    case.make()
    compared = compare(case, peer, chosen.runs, _emptied_cache if chosen.cold else lambda: None, _say)
    results = replace(results, compared=[*results.compared, compared])
    if messages != max((each for each in chosen.messages if each <= _LARGEST_SENT), default=0):
        return results
    if not chosen.no_sent:
        results = replace(results, sent=[*results.sent, _sent(case, chosen.runs)])
    if not chosen.no_resident and store in _GROWS:
        found = resident(case, scratch / "resident", chosen.idle_seconds, _say)
        results = replace(results, resident=[*results.resident, found])
    return results


def _sent(case: Case, runs: int) -> Sent:
    """Measure a run that sends everything, and one more with a clock on the encoding."""
    with Receiver() as receiver:
        figures = []
        for number in range(1, runs + 1):
            _say(f"{case.store}, {case.messages:,} messages: everything sent, run {number} of {runs}")
            environ = case.fresh(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
            figures.append(run([*AGENT, "run", "--once"], environ))
        profile = case.data.parent / "encoding.json"
        command = [sys.executable, "-m", "benchmarks.encoding", str(profile), "run", "--once"]
        run(command, case.fresh(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint))
    share = msgspec.json.decode(profile.read_bytes(), type=Encoding).share
    return Sent(case.store, case.messages, medians(figures), share)


def _emptied_cache() -> None:
    """Let the system forget all pages that are on the disk. Raises `PermissionError` unless root asks."""
    os.sync()
    _DROP_CACHES.write_text("3")


def _say(what: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
