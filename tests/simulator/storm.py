"""Real processes of the installed agent, killed at random moments, before a real receiver that lies.

The stores are written while the agent runs. In the end the receiver accepts everything, and what it has is compared with
what was written. That is messages and tokens, each span once, no series that fell, and how long the last agent took to catch
up.
"""

from __future__ import annotations

import random
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.simulator.books import SeriesKey, key_of
from tests.simulator.oracle import trouble
from tests.support.agent import Agent, Process
from tests.support.made_stores import Database, DatabaseV2, JsonTree, Tokens, message, session
from tests.support.otlp_receiver import (
    Behaviour,
    OtlpReceiver,
    PointRow,
    accept,
    bad_request,
    drop,
    hang,
    portal,
    throttled,
    unavailable,
)

USED = Tokens(700, 50, 20, 300, 9)
"""The tokens of each message."""
CATCH_UP_S = 240.0
"""The last agent has to have delivered everything within this time, on a busy machine."""
SETTINGS = "metric_export_interval_seconds = 0.7\nrescan_interval_seconds = 0.3\n[otlp]\ntimeout_seconds = 2\n"
WORK_S = 1.5
"""The work of a process that was just started takes about as long."""
START_S = 30.0
"""The longest time until it sends something, on a busy machine."""
_NEVER = threading.Event()


class Way(NamedTuple):
    """How the agent sends."""

    protocol: str
    temporality: str

    def __str__(self) -> str:
        return f"{self.protocol}, {self.temporality}"


WAYS = (
    Way("http/protobuf", "cumulative"),
    Way("grpc", "delta"),
    Way("grpc", "cumulative"),
    Way("http/protobuf", "delta"),
)


@dataclass(slots=True)
class StormResult:
    """What came of a storm."""

    way: Way
    seed: int
    kills: int = 0
    messages: int = 0
    lost: int = 0
    """Messages, tokens or spans that the backend lacks."""
    doubled: int = 0
    """Messages, tokens or spans that it has too many of."""
    falls: int = 0
    """Series with a point that no series may have."""
    resent: int = 0
    """Spans that came more than once, with the same ids."""
    requests: int = 0
    unsure: int = 0
    """Requests that the backend has although its answer never came."""
    catch_up_s: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def is_wrong(self) -> bool:
        """True if anything was lost or doubled, or fell."""
        return bool(self.lost or self.doubled or self.falls)

    def __str__(self) -> str:
        numbers = f"{self.kills} kills, {self.messages} messages, {self.lost} lost, {self.doubled} doubled"
        more = f"{self.falls} falls, caught up in {self.catch_up_s:.1f} s"
        lies = f"{self.requests} requests, {self.unsure} taken without an answer, {self.resent} spans sent again"
        return "\n  ".join([f"{self.way} (seed {self.seed}): {numbers}, {more}", lies, *self.notes])


def storm(home: Path, way: Way, *, seed: int, kills: int, messages: int) -> StormResult:
    """Let the agent work and be killed so often over so many messages, then let it catch up, and compare."""
    draw, result = random.Random(seed), StormResult(way, seed)
    with OtlpReceiver() as receiver:
        agent = _agent(home, receiver, way)
        agent.once()  # on empty stores: no series is history
        writer = _Writer(agent.data_dir)
        for number in range(kills):
            receiver.behave(*(_behaviour(draw) for _ in range(40)), then=accept())
            with _running(agent) as run:
                writer.write((messages * (number + 1)) // kills - writer.written)
                _wait_for_work(receiver, draw)
                result.kills += run.stop(signal.SIGKILL).returncode == -signal.SIGKILL
        receiver.behave()
        result.messages = writer.written
        result.catch_up_s = _catch_up(agent, receiver, way, writer.written)
        _compare(result, receiver)
    return result


class _Writer:
    """Writes into a tree, a database of 1.x and one of 2.x in turn. Messages are a second apart, up to now."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._stores = (
            JsonTree(data),
            Database(data / "opencode.db").create(),
            DatabaseV2(data / "opencode-2.db").create(),
        )
        self._started_ms = time.time_ns() // 1_000_000 - 60_000_000
        self.written = 0

    def write(self, count: int) -> None:
        """Write so many complete messages, in a session of their own."""
        store = self._stores[random.Random(self.written).randrange(len(self._stores))]
        of = session(self._started_ms + self.written * 1_000 - 500)
        records = []
        for _ in range(count):
            self.written += 1
            at = self._started_ms + self.written * 1_000
            records.append(message(of, USED, at, completed=at + 500, model=f"model-{self.written % 3}"))
        if isinstance(store, JsonTree):
            store.put(of.project, of, *records)
            return
        with store.connection() as connection:
            store.put_through(connection, of.project, of, *records)


def _agent(home: Path, receiver: OtlpReceiver, way: Way) -> Agent:
    endpoint = receiver.grpc_endpoint if way.protocol == "grpc" else receiver.endpoint
    extra = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": way.protocol,
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": way.temporality,
        "OTEL_AGENT_PROCESS_METRICS": "false",
    }
    agent = Agent(home, endpoint, extra=extra)
    settings = home / "config" / "otel-agent" / "otel-agent.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(SETTINGS)
    agent.data_dir.mkdir(parents=True)
    return agent


@contextmanager
def _running(agent: Agent) -> Iterator[Process]:
    """Start the program as it is installed."""
    installed = Path(sys.executable).with_name("otel-agent")
    with Process([str(installed), "run"], agent._environment(), agent.home) as run:
        yield run


def _behaviour(draw: random.Random) -> Behaviour:
    if draw.random() < 0.5:
        return accept()
    return draw.choice(
        (
            drop(),
            drop(),
            drop(accepted=False),
            hang(2.5, accepted=True),
            unavailable(),
            throttled(1),
            bad_request(),
            portal(),
        )
    )


def _wait_for_work(receiver: OtlpReceiver, draw: random.Random) -> None:
    """Wait for a moment at which to kill: soon after a request came, or at any time."""
    if draw.random() < 0.8:
        before = len(receiver.requests)
        with suppress(AssertionError):
            receiver.wait_for(lambda r: len(r.requests) > before, timeout=START_S)
    _NEVER.wait(draw.uniform(0, WORK_S))


def _catch_up(agent: Agent, receiver: OtlpReceiver, way: Way, messages: int) -> float:
    """Start the agent once more, and return the seconds until the backend has everything. Then it ends in order."""
    began = time.monotonic()
    with _running(agent) as run:
        with suppress(AssertionError):
            receiver.wait_for(lambda r: _counted(r.points(), way) >= messages and _chats(r) >= messages, CATCH_UP_S)
        took = time.monotonic() - began
        run.stop()
    return took


def _compare(result: StormResult, receiver: OtlpReceiver) -> None:
    points, spans = receiver.points(), Counter(span.span_id for span in receiver.chats())
    metrics = {"opencode.message.count": 1, "opencode.token.usage": sum(USED)}
    for metric, each in metrics.items():
        found = _sum([point for point in points if point.metric == metric], result.way)
        _note(result, metric, round(found), result.messages * each)
    _note(result, "spans of messages", len(spans), result.messages)
    result.requests = len(receiver.requests)
    result.unsure = sum(each.accepted and each.behaviour in ("drop", "hang") for each in receiver.requests)
    result.resent = spans.total() - len(spans)
    if result.way.temporality == "cumulative":
        for key, of_series in _by_series(points).items():
            in_order = sorted(of_series, key=lambda point: point.time_ns)
            wrong = [
                *trouble(in_order),
                *(["does not begin at zero"] if in_order[0].value or in_order[0].count else []),
            ]
            result.falls += bool(wrong)
            result.notes += [f"{key[0]}: {each}" for each in wrong[:2]]


def _note(result: StormResult, what: str, found: int, truth: int) -> None:
    result.lost += max(truth - found, 0)
    result.doubled += max(found - truth, 0)
    if found != truth:
        result.notes.append(f"{what}: {found}, not {truth}")


def _counted(points: list[PointRow], way: Way) -> float:
    return _sum([point for point in points if point.metric == "opencode.message.count"], way)


def _chats(receiver: OtlpReceiver) -> int:
    return len({span.span_id for span in receiver.chats()})


def _sum(points: list[PointRow], way: Way) -> float:
    """Add up the last values of all series, or all increments, each once even if it came twice."""
    total = 0.0
    for of_series in _by_series(points).values():
        if way.temporality == "delta":
            total += sum({(point.start_ns, point.time_ns): point.value or 0 for point in of_series}.values())
        else:
            total += max(of_series, key=lambda point: point.time_ns).value or 0
    return total


def _by_series(points: list[PointRow]) -> dict[SeriesKey, list[PointRow]]:
    found: dict[SeriesKey, list[PointRow]] = defaultdict(list)
    for point in points:
        found[key_of(point.metric, point.attributes)].append(point)
    return found
