"""A fleet of agents into one gateway with Prometheus behind it, all on this machine.

    python -m benchmarks.fleet --agents 1000 --cycles 5
    python -m benchmarks.fleet --kafka               with three brokers and a consumer between gateway and Prometheus

Each agent has its own identity and speaks with the agent's own signal and delivery code, by TLS and with a token; what it
counts is made up: each cycle one in four works, and raises the tokens, cost and messages of one model. Cycles follow each
other without a pause, so that the rate that comes out is what the machine can do, not what a fleet asks of it.
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from msgspec import structs

from otel_agent.delivery.otlp_http import HttpMetrics
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.model import Series
from otel_agent.otlp import metrics, resource
from otel_agent.semconv import COST_USAGE, MESSAGE_COUNT, NANO, TOKEN_TYPES, TOKEN_USAGE, Attr, Metric
from tests.support.real_programs.clickhouse import ClickHouse
from tests.support.real_programs.kafka import Kafka
from tests.support.real_programs.prometheus import Prometheus
from tests.team.tiers import TOKEN, Secrets, Tier, gateway

SERIES_OF_A_MODEL = 7
WORKERS = 8
WORKING = 0.25
TRIES = 100
PATIENCE_S = 300
"""How long the last point may take to Prometheus after it was accepted."""
EXPORT_INTERVAL_S = 60
"""The agent's default: what the rate is compared with."""


class Agent:
    """One identity, with seven series for each of its models."""

    def __init__(self, number: int, models: int, options: OtlpOptions) -> None:
        instance = str(uuid.UUID(int=number))
        self._emitter = resource.emitter(instance)
        self._delivery = HttpMetrics(options)
        self._models = [f"model-{each}" for each in range(models)]
        self._random = random.Random(number)
        begun = time.time_ns()
        made = [
            Series(metric.name, json.dumps(attributes, sort_keys=True), begun, 0, 0, ())
            for model in self._models
            for metric, attributes in _series_of(model, number)
        ]
        self.series = sorted(made, key=lambda each: (each.metric, each.attributes))
        self.tokens = 0

    def cycle(self) -> int:
        """Work or not, and tell all series, as heartbeats do. Returns how many points were taken."""
        self.may_work()
        data = metrics.series_request(self.series, self._emitter, now_ns=time.time_ns())
        for _ in range(TRIES):
            if self._delivery.send(data).accepted:
                return len(self.series)
            threading.Event().wait(0.5)
        return 0

    def close(self) -> None:
        self._delivery.close()

    def may_work(self) -> None:
        if self._random.random() >= WORKING:
            return
        model = self._random.choice(self._models)
        for at, each in enumerate(self.series):
            if f'"{model}"' not in each.attributes:
                continue
            more = {TOKEN_USAGE.name: self._random.randrange(5_000), COST_USAGE.name: NANO // 100}.get(each.metric, 1)
            self.series[at] = structs.replace(each, value=each.value + more)
            self.tokens += more if each.metric == TOKEN_USAGE.name else 0


def _series_of(model: str, number: int) -> list[tuple[Metric, dict[str, str]]]:
    shared = {Attr.MODEL: model, Attr.PROVIDER: "anthropic", Attr.AGENT: "build", Attr.PROJECT: f"p{number % 40}"}
    of_types = [(TOKEN_USAGE, shared | {Attr.TOKEN_TYPE: kind}) for kind in TOKEN_TYPES]
    return [*of_types, (COST_USAGE, shared), (MESSAGE_COUNT, shared | {Attr.OUTCOME: "ok"})]


def _all_cycle(agents: list[Agent], cycles: int) -> int:
    """Every agent in turn, by as many threads as there are connections. Returns the points taken."""
    waiting: queue.SimpleQueue[Agent] = queue.SimpleQueue()
    taken, lock = [0], threading.Lock()

    def work() -> None:
        while True:
            try:
                agent = waiting.get_nowait()
            except queue.Empty:
                return
            points = agent.cycle()
            with lock:
                taken[0] += points

    for _ in range(cycles):
        for agent in agents:
            waiting.put(agent)
        threads = [threading.Thread(target=work) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return taken[0]


@dataclass(frozen=True)
class Way:
    """What stands between the agents and Prometheus."""

    gateway: Tier
    last: Tier
    prometheus: Prometheus
    options: OtlpOptions
    between: dict[str, int]
    """The processes of it, by what they are."""
    kept: Sequence[Path] = ()
    """Folders in which it keeps what passed."""


@contextmanager
def direct(folder: Path, secrets: Secrets, prometheus: Prometheus) -> Iterator[Way]:
    with gateway(folder / "gateway", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp) as tier:
        yield Way(tier, tier, prometheus, _options(secrets, tier), {"gateway": tier.pid})


@contextmanager
def through_kafka(folder: Path, secrets: Secrets, prometheus: Prometheus) -> Iterator[Way]:
    with (
        Kafka(folder / "kafka", secrets.authority, partitions=12) as kafka,
        ClickHouse(folder / "clickhouse") as clickhouse,
        gateway(folder / "gateway", secrets, "kafka/out.yaml", "kafka/tls.yaml", **kafka.variables) as first,
        Tier(
            folder / "consumer",
            "kafka/in.yaml",
            "kafka/tls.yaml",
            PROMETHEUS_ENDPOINT=prometheus.otlp,
            CLICKHOUSE_ENDPOINT=clickhouse.endpoint,
            **kafka.variables,
        ) as last,
    ):
        brokers = {f"broker {number}": broker.pid for number, broker in enumerate(kafka.brokers)}
        processes = {"gateway": first.pid, **brokers, "consumer": last.pid}
        logs = [folder / "kafka" / str(number) / "data" for number in range(len(brokers))]
        yield Way(first, last, prometheus, _options(secrets, first), processes, logs)


def _options(secrets: Secrets, tier: Tier) -> OtlpOptions:
    return OtlpOptions(
        endpoint=tier.tls_endpoint,
        timeout_seconds=30.0,
        certificate=secrets.authority.certificate,
        headers={"Authorization": f"Bearer {TOKEN}"},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--cycles", type=int, default=3)
    parser.add_argument(
        "--models", type=int, default=24, help="of each agent; seven series each (default: %(default)s)"
    )
    parser.add_argument("--kafka", action="store_true", help="through Kafka, with one consumer")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as running:
        folder = Path(scratch)
        prometheus = running.enter_context(Prometheus(folder / "prometheus"))
        by = through_kafka if asked.kafka else direct
        way = running.enter_context(by(folder, Secrets(folder / "tls"), prometheus))
        _measure(way, asked.agents, asked.cycles, asked.models)


def _measure(way: Way, number: int, cycles: int, models: int) -> None:
    agents = [Agent(each, models, way.options) for each in range(number)]
    processes = way.between | {"Prometheus": way.prometheus.pid}
    watched = {name: psutil.Process(pid) for name, pid in processes.items()}
    before = {name: sum(process.cpu_times()[:2]) for name, process in watched.items()}
    began = time.monotonic()
    points = _all_cycle(agents, cycles)
    sent_s = time.monotonic() - began
    queued = way.gateway.counted("otelcol_exporter_queue_size", data_type="metrics")
    while _done(way) < points and time.monotonic() < began + sent_s + PATIENCE_S:
        threading.Event().wait(0.2)
    arrived_s = time.monotonic() - began
    for agent in agents:
        agent.close()
    truth, found = sum(agent.tokens for agent in agents), way.prometheus.rows("sum(opencode_token_usage_total)")[()]
    requests, needed = number * cycles, number / EXPORT_INTERVAL_S
    print(
        f"{number} agents of {models * SERIES_OF_A_MODEL} series, {cycles} cycles: {requests} requests, {points} points "
        f"accepted in {sent_s:.1f} s, {requests / sent_s:.0f} requests/s; a fleet of {number} asks for {needed:.0f}"
    )
    print(
        f"all in Prometheus after {arrived_s:.1f} s, {requests / arrived_s:.0f} requests/s; "
        f"{queued / 1e6:.1f} MB waited in the gateway's queue when the last was sent"
    )
    for name, process in watched.items():
        used = sum(process.cpu_times()[:2]) - before[name]
        memory = process.memory_info().rss / 1e6
        print(
            f"{name}: {used / points * 1e6:.1f} µs of CPU a point, {used / requests * 1e3:.2f} ms a request, {memory:.0f} MB"
        )
    for folder in way.kept:
        size = sum(path.stat().st_size for path in folder.glob("otel-agent.metrics-*/*.log"))
        print(f"{folder.parent.name}: {size / points:.1f} bytes a point kept")
    accepted = way.gateway.counted("otelcol_receiver_accepted_metric_points")
    failed = sum(map(_given_up, {way.gateway, way.last}))
    print(f"accepted {accepted:.0f}, given up {failed:.0f}; tokens counted {truth}, in Prometheus {found:.0f}")
    if (accepted, failed, found) != (points, 0, truth):
        raise SystemExit("not all of it arrived")


def _done(way: Way) -> float:
    return way.last.counted("otelcol_exporter_sent_metric_points") + sum(map(_given_up, {way.gateway, way.last}))


def _given_up(tier: Tier) -> float:
    return tier.counted("otelcol_exporter_send_failed_metric_points")


if __name__ == "__main__":
    main()
