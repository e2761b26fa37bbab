"""Two gateways behind one name: real addresses, a real name server, TLS with the name in its certificate."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.agent import Agent
from tests.real_parts.collector import Collector
from tests.real_parts.program import free_ports
from tests.real_parts.prometheus import Prometheus
from tests.team.support.nameserver import NameServer
from tests.team.support.otlp import gauge, metrics_request, send
from tests.team.support.recount import assert_reaches
from tests.team.support.tiers import Secrets, Tier, agent_tier, drain, gateway
from tests.waiting import eventually

pytestmark = [pytest.mark.collector, pytest.mark.prometheus]

NAME = "gateway.test"
ADDRESSES = ("127.0.0.1", "127.0.0.2")
TURNS = 5
"""Until both are connected, the one that is has every request."""


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
        eventually(lambda: _one_more(first, gateways), wanted=True, why_not=lambda: first.log)
        drain(first)

        gateways[0].kill()
        before = _accepted(gateways[1])
        agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=first.endpoint)
        assert_reaches(prometheus, expected)
        assert _accepted(gateways[1]) > before


def _one_more(first: Tier, gateways: Sequence[Tier]) -> bool:
    """Sends one; whether each gateway had its turns."""
    send(first.endpoint, metrics_request([gauge("x")]))
    return all(_accepted(each) >= TURNS for each in gateways)


def _accepted(tier: Tier) -> float:
    return tier.counted("otelcol_receiver_accepted_metric_points")
