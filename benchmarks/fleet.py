"""A fleet of agents into one gateway with Prometheus behind it, all on this machine.

    python -m benchmarks.fleet --agents 1000 --cycles 5

Each agent has its own identity and speaks with the agent's own signal and delivery code; what it counts is made up: each
cycle one in four works, and raises the tokens, cost and messages of one model. Cycles follow each other without a pause,
so that the rate that comes out is what the machine can do, not what a fleet asks of it.
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
from pathlib import Path

import psutil
from msgspec import structs

from otel_agent.delivery.options import OtlpOptions
from otel_agent.delivery.otlp_http import HttpMetrics
from otel_agent.model import Series
from otel_agent.semconv import COST_USAGE, MESSAGE_COUNT, NANO, TOKEN_TYPES, TOKEN_USAGE, Attr, Metric
from otel_agent.signals import metrics, resource
from tests.real_parts.prometheus import Prometheus
from tests.team.tiers import Tier

MODELS = ("opus", "sonnet", "haiku")
WORKERS = 8
WORKING = 0.25
EXPORT_INTERVAL_S = 60
"""The agent's default: what the rate is compared with."""


class Agent:
    """One identity with the series of three models: 21."""

    def __init__(self, number: int, endpoint: str) -> None:
        instance = str(uuid.UUID(int=number))
        self._resource, self._scope = resource.resource(instance), resource.scope()
        self._delivery = HttpMetrics(OtlpOptions(endpoint=endpoint, timeout_seconds=30.0))
        self._random = random.Random(number)
        begun = time.time_ns()
        made = [
            Series(metric.name, json.dumps(attributes, sort_keys=True), begun, 0, 0, ())
            for model in MODELS
            for metric, attributes in _series_of(model, number)
        ]
        self._series = sorted(made, key=lambda each: (each.metric, each.attributes))
        self.tokens = 0

    def cycle(self) -> int:
        """Tell all series, as heartbeats do. Returns how many points were taken."""
        if self._random.random() < WORKING:
            self._work(self._random.choice(MODELS))
        data = metrics.request(
            self._series, resource=self._resource, scope=self._scope, now_ns=time.time_ns(), delta=False
        )
        while not self._delivery.send(data).taken:
            threading.Event().wait(0.5)
        return len(self._series)

    def close(self) -> None:
        self._delivery.close()

    def _work(self, model: str) -> None:
        for at, each in enumerate(self._series):
            if f'"{model}"' not in each.attributes:
                continue
            more = {TOKEN_USAGE.name: self._random.randrange(5_000), COST_USAGE.name: NANO // 100}.get(each.metric, 1)
            self._series[at] = structs.replace(each, value=each.value + more)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--cycles", type=int, default=5)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as scratch,
        Prometheus(Path(scratch) / "prometheus") as prometheus,
        Tier(
            Path(scratch) / "gateway",
            "gateway.yaml",
            "gateway/loopback.yaml",
            PROMETHEUS_ENDPOINT=prometheus.otlp,
        ) as gateway,
    ):
        _measure(gateway, prometheus, asked.agents, asked.cycles)


def _measure(gateway: Tier, prometheus: Prometheus, number: int, cycles: int) -> None:
    watched = {"gateway": psutil.Process(gateway.pid), "Prometheus": psutil.Process(prometheus.pid)}
    agents = [Agent(each, gateway.endpoint) for each in range(number)]
    before = {name: sum(process.cpu_times()[:2]) for name, process in watched.items()}
    began = time.monotonic()
    points = _all_cycle(agents, cycles)
    sent_s = time.monotonic() - began
    queued = gateway.counted("otelcol_exporter_queue_size", data_type="metrics")
    while gateway.counted("otelcol_exporter_sent_metric_points") < points:
        threading.Event().wait(0.2)
    arrived_s = time.monotonic() - began
    for agent in agents:
        agent.close()
    truth, found = sum(agent.tokens for agent in agents), prometheus.rows("sum(opencode_token_usage_total)")[()]
    requests = number * cycles
    needed = number / EXPORT_INTERVAL_S
    print(
        f"{number} agents, {cycles} cycles: {requests} requests, {points} points in {sent_s:.1f} s; "
        f"{requests / sent_s:.0f} requests/s, {points / sent_s:.0f} points/s; a fleet of {number} asks for {needed:.0f} requests/s"
    )
    print(
        f"all in Prometheus after {arrived_s:.1f} s; {queued / 1e6:.1f} MB waited in the queue when the last was sent"
    )
    for name, process in watched.items():
        used = sum(process.cpu_times()[:2]) - before[name]
        print(f"{name}: {used / points * 1e6:.1f} µs of CPU a point, {process.memory_info().rss / 1e6:.0f} MB")
    accepted, failed = (
        gateway.counted(f"otelcol_{name}_metric_points") for name in ("receiver_accepted", "exporter_send_failed")
    )
    print(f"accepted {accepted:.0f}, given up {failed:.0f}; tokens counted {truth}, in Prometheus {found:.0f}")
    if (accepted, failed, found) != (points, 0, truth):
        raise SystemExit("not all of it arrived")


if __name__ == "__main__":
    main()
