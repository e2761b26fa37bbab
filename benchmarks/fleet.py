"""Measure a fleet of agents that send to one gateway with Prometheus behind it, all on this machine: `make fleet`.

    make fleet ARGS="--agents 1000 --cycles 5"
    make fleet ARGS="--kafka"               with three brokers and a consumer between gateway and Prometheus

Each agent has its own identity. It uses the agent's own code for OTLP and delivery, with TLS and a token. Its numbers
are made up: in each cycle one agent in four works, and raises the tokens, cost and messages of one model. Cycles follow
each other without a pause. So the measured rate is the limit of the machine, and not the need of a fleet.
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
from otel_agent.semconv import COST_USAGE, MESSAGE_COUNT, NANO, TOKEN_USAGE, Metric
from otel_agent.semconv.attributes import TOKEN_TYPES, Attr
from tests.support.real_programs.clickhouse import ClickHouse
from tests.support.real_programs.kafka import Kafka
from tests.support.real_programs.prometheus import Prometheus
from tests.team.support.tiers import TOKEN, Secrets, Tier, gateway

SERIES_OF_A_MODEL = 7
WORKERS = 8
"""The number of agents that send at the same time."""
WORKING = 0.25
"""The share of agents that work in a cycle."""
TRIES = 100
"""The number of times that an agent sends a request before it gives up, half a second apart."""
PATIENCE_S = 300
"""The time that the last point may take from the gateway to Prometheus. Seconds."""
EXPORT_INTERVAL_S = 60
"""The agent's default export interval. Seconds: the measured rate is compared with what a fleet needs."""


class SimulatedAgent:
    """An agent with its own identity, and with seven series for each of its models."""

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
        """Perhaps work, then export all series as a heartbeat does. Return how many points were accepted."""
        self.may_work()
        data = metrics.series_request(self.series, self._emitter, now_ns=time.time_ns())
        for _ in range(TRIES):
            if self._delivery.send(data).accepted:
                return len(self.series)
            threading.Event().wait(0.5)
        return 0

    def close(self) -> None:
        """Close the connection to the gateway."""
        self._delivery.close()

    def may_work(self) -> None:
        """Count a message of one model, or do nothing."""
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


def _all_cycle(agents: list[SimulatedAgent], cycles: int) -> int:
    """Let every agent run its cycles, with `WORKERS` threads. Return how many points were accepted."""
    waiting: queue.SimpleQueue[SimulatedAgent] = queue.SimpleQueue()
    accepted, lock = [0], threading.Lock()

    def work() -> None:
        while True:
            try:
                agent = waiting.get_nowait()
            except queue.Empty:
                return
            points = agent.cycle()
            with lock:
                accepted[0] += points

    for _ in range(cycles):
        for agent in agents:
            waiting.put(agent)
        threads = [threading.Thread(target=work) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return accepted[0]


@dataclass(frozen=True)
class Route:
    """The programs between the agents and Prometheus. `gateway` is the first Collector, and `last` the last one."""

    gateway: Tier
    last: Tier
    prometheus: Prometheus
    options: OtlpOptions
    processes: dict[str, int]
    """The process id of each program, by its name."""
    logs: Sequence[Path] = ()
    """The folders in which brokers keep their data."""


@contextmanager
def direct(folder: Path, secrets: Secrets, prometheus: Prometheus) -> Iterator[Route]:
    """Run a gateway that sends to Prometheus."""
    with gateway(folder / "gateway", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp) as tier:
        yield Route(tier, tier, prometheus, _options(secrets, tier), {"gateway": tier.pid})


@contextmanager
def through_kafka(folder: Path, secrets: Secrets, prometheus: Prometheus) -> Iterator[Route]:
    """Run a gateway that writes to Kafka, and a consumer that sends to Prometheus."""
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
        yield Route(first, last, prometheus, _options(secrets, first), processes, logs)


def _options(secrets: Secrets, tier: Tier) -> OtlpOptions:
    return OtlpOptions(
        endpoint=tier.tls_endpoint,
        timeout_seconds=30.0,
        certificate=secrets.authority.certificate,
        headers={"Authorization": f"Bearer {TOKEN}"},
    )


def main() -> None:
    """Measure, and print the figures. The exit code is 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=1000, help="default: %(default)s")
    parser.add_argument("--cycles", type=int, default=3, help="exports of each agent (default: %(default)s)")
    parser.add_argument(
        "--models", type=int, default=24, help="models of each agent, with seven series each (default: %(default)s)"
    )
    parser.add_argument("--kafka", action="store_true", help="send through Kafka, with one consumer")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as running:
        folder = Path(scratch)
        prometheus = running.enter_context(Prometheus(folder / "prometheus"))
        through = through_kafka if asked.kafka else direct
        route = running.enter_context(through(folder, Secrets(folder / "tls"), prometheus))
        _measure(route, asked.agents, asked.cycles, asked.models)


def _measure(route: Route, number: int, cycles: int, models: int) -> None:
    agents = [SimulatedAgent(each, models, route.options) for each in range(number)]
    processes = {
        name: psutil.Process(pid) for name, pid in (route.processes | {"Prometheus": route.prometheus.pid}).items()
    }
    before = {name: _cpu_s(process) for name, process in processes.items()}
    began = time.monotonic()
    points = _all_cycle(agents, cycles)
    sent_s = time.monotonic() - began
    queued = route.gateway.counted("otelcol_exporter_queue_size", data_type="metrics")
    while _done(route) < points and time.monotonic() < began + sent_s + PATIENCE_S:
        threading.Event().wait(0.2)
    arrived_s = time.monotonic() - began
    for agent in agents:
        agent.close()
    requests = number * cycles
    print(
        f"{number} agents with {models * SERIES_OF_A_MODEL} series, {cycles} cycles: {requests} requests, {points} points "
        f"accepted in {sent_s:.1f} s, {requests / sent_s:.0f} requests/s; "
        f"a fleet of {number} needs {number / EXPORT_INTERVAL_S:.0f}"
    )
    print(
        f"all in Prometheus after {arrived_s:.1f} s, {requests / arrived_s:.0f} requests/s; "
        f"{queued / 1e6:.1f} MB waited in the gateway's queue when the last request was sent"
    )
    for name, process in processes.items():
        _print_costs(name, process, _cpu_s(process) - before[name], points, requests)
    _print_kept(route, points)
    _check(route, points, sum(agent.tokens for agent in agents))


def _cpu_s(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


def _print_costs(name: str, process: psutil.Process, used_s: float, points: int, requests: int) -> None:
    memory = process.memory_info().rss / 1e6
    print(
        f"{name}: {used_s / points * 1e6:.1f} µs of CPU a point, {used_s / requests * 1e3:.2f} ms a request, {memory:.0f} MB"
    )


def _print_kept(route: Route, points: int) -> None:
    for folder in route.logs:
        size = sum(path.stat().st_size for path in folder.glob("otel-agent.metrics-*/*.log"))
        print(f"broker {folder.parent.name}: {size / points:.1f} bytes kept for a point")


def _check(route: Route, points: int, tokens: int) -> None:
    """Compare what arrived with what was sent. Raises `SystemExit` if anything was lost or came twice."""
    accepted = route.gateway.counted("otelcol_receiver_accepted_metric_points")
    dropped = sum(map(_dropped, {route.gateway, route.last}))
    found = route.prometheus.rows("sum(opencode_token_usage_total)")[()]
    print(f"points accepted {accepted:.0f}, dropped {dropped:.0f}; tokens counted {tokens}, in Prometheus {found:.0f}")
    if (accepted, dropped, found) != (points, 0, tokens):
        raise SystemExit("Prometheus does not have exactly what the agents sent")


def _done(route: Route) -> float:
    return route.last.counted("otelcol_exporter_sent_metric_points") + sum(map(_dropped, {route.gateway, route.last}))


def _dropped(tier: Tier) -> float:
    return tier.counted("otelcol_exporter_send_failed_metric_points")


if __name__ == "__main__":
    main()
