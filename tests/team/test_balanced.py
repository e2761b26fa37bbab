"""Two gateways behind one name: real addresses, a real name server, and TLS with the name in its certificate."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.real_programs.collector import Collector
from tests.support.real_programs.program import free_ports
from tests.support.real_programs.prometheus import Prometheus
from tests.support.waiting import eventually
from tests.team.support.nameserver import NameServer
from tests.team.support.otlp import gauge, metrics_request, send
from tests.team.support.recount import assert_reaches
from tests.team.support.tiers import Secrets, Tier, agent_tier, drain, gateway

pytestmark = [pytest.mark.collector, pytest.mark.prometheus]

NAME = "gateway.test"
ADDRESSES = ("127.0.0.1", "127.0.0.2")
TURNS = 5
"""How many requests each gateway needs before they share. Until both are connected, one gets every request."""


def test_gateways_take_turns_and_a_lost_one_is_skipped(
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
        lost, left = (running.enter_context(at(address)) for address in ADDRESSES)
        name = f"dns://{name_server.address}/{NAME}:{port}"
        sender = running.enter_context(
            agent_tier(tmp_path / "a", secrets, "http://127.0.0.1:9", "agent/balanced.yaml", GATEWAY_GRPC_ENDPOINT=name)
        )
        eventually(lambda: _each_had_turns(sender, [lost, left]), wanted=True, why_not=lambda: sender.log)
        drain(sender)

        lost.kill()
        before = _accepted(left)
        agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=sender.endpoint)
        assert_reaches(prometheus, expected)
        assert _accepted(left) > before


def _each_had_turns(sender: Tier, gateways: Sequence[Tier]) -> bool:
    """Send one more point, and return True if each gateway has had its turns."""
    send(sender.endpoint, metrics_request([gauge("x")]))
    return all(_accepted(gateway) >= TURNS for gateway in gateways)


def _accepted(tier: Tier) -> float:
    return tier.counted("otelcol_receiver_accepted_metric_points")
