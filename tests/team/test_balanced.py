"""Two gateways behind one name: real addresses, a real name server, TLS with the name in its certificate."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.agent import Agent
from tests.real_parts.collector import Collector
from tests.real_parts.program import free_ports
from tests.real_parts.prometheus import Prometheus
from tests.team.nameserver import NameServer
from tests.team.recount import assert_reaches
from tests.team.tiers import Secrets, Tier, agent_tier, gateway
from tests.waiting import eventually

pytestmark = [pytest.mark.collector, pytest.mark.prometheus]

NAME = "gateway.test"
ADDRESSES = ("127.0.0.1", "127.0.0.2")
REQUESTS = 20


def test_gateways_take_turns_and_one_that_is_lost_is_left_out(
    agent: Agent, prometheus: Prometheus, traces: Collector, tmp_path: Path, expected: dict[str, Any]
) -> None:
    secrets = Secrets(tmp_path / "tls", NAME)
    (port,) = free_ports(1)

    def at(address: str) -> Tier:
        return gateway(
            tmp_path / address,
            secrets,
            OTLP_GRPC_LISTEN=f"{address}:{port}",
            PROMETHEUS_ENDPOINT=prometheus.otlp,
            TRACES_ENDPOINT=traces.endpoint,
        )

    with ExitStack() as running:
        name_server = running.enter_context(NameServer(NAME, *ADDRESSES))
        gateways = [running.enter_context(at(address)) for address in ADDRESSES]
        name = f"dns://{name_server.address}/{NAME}:{port}"
        first = running.enter_context(
            agent_tier(tmp_path / "a", secrets, "http://127.0.0.1:9", "agent/balanced.yaml", GATEWAY_GRPC_ENDPOINT=name)
        )
        for _ in range(REQUESTS):
            _send_a_point(first)
        eventually(lambda: sum(_accepted(each) for each in gateways), float(REQUESTS), why_not=lambda: first.log)
        # From the first to the last request, in turn; until both were connected, the one that was had them all.
        assert all(_accepted(each) >= REQUESTS // 4 for each in gateways)

        gateways[0].kill()
        agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=first.endpoint)
        assert_reaches(prometheus, expected)
        assert _accepted(gateways[1]) > REQUESTS


def _accepted(tier: Tier) -> float:
    return tier.counted("otelcol_receiver_accepted_metric_points")


def _send_a_point(tier: Tier) -> None:
    point = {"name": "x", "gauge": {"dataPoints": [{"asInt": 1, "timeUnixNano": 1}]}}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [point]}]}]}
    requests.post(f"{tier.endpoint}/v1/metrics", json=body, timeout=30).raise_for_status()
