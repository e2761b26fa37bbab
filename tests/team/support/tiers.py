"""The two tiers of `collector/`, as processes on this machine."""

from __future__ import annotations

import re
from pathlib import Path

import requests

from tests.support.otlp_receiver.tls import Authority
from tests.support.real_programs import COLLECTOR
from tests.support.real_programs.collector import Collector
from tests.support.real_programs.program import free_ports
from tests.support.waiting import eventually

TOKEN = "made-up-token"
"""The token that the gateway accepts."""
AGENT, GATEWAY = "agent/agent.yaml", "gateway/gateway.yaml"
"""The base file of each tier, below `collector/`."""
NOBODY = "http://127.0.0.1:1"
"""The backend of a test that names none. The configurations' defaults could be a team's that runs here (`make team`)."""
LOOPBACK_GATEWAY = (GATEWAY, "gateway/loopback.yaml")
"""A gateway without TLS and token: what `make team` and compose.yaml run."""


class Secrets:
    """The files of a gateway for one test: a certificate, its authority, and a token."""

    def __init__(self, folder: Path, *identities: str) -> None:
        self.authority = Authority(folder)
        self.server = self.authority.issue("server", *identities)
        self.token = folder / "token"
        self.token.write_text(TOKEN + "\n", encoding="utf-8")

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a gateway that uses these files."""
        return {
            "TLS_CERT_FILE": str(self.server.certificate),
            "TLS_KEY_FILE": str(self.server.key),
            "GATEWAY_TOKEN_FILE": str(self.token),
        }

    def direct(self, tier: Tier) -> dict[str, str]:
        """Return the environment of an agent that sends to a gateway without an agent tier."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": tier.tls_endpoint,
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(self.authority.certificate),
            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {TOKEN}",
        }


class Tier(Collector):
    """A Collector with configurations of `collector/`, on free ports. Variables are its environment."""

    def __init__(self, folder: Path, *config: str, port: int | str = 0, **variables: str) -> None:
        (self.telemetry_port,) = free_ports(1)
        super().__init__(
            [COLLECTOR / name for name in config],
            folder,
            **{
                "OTLP_HTTP_LISTEN": f"127.0.0.1:{port}",
                "OTLP_GRPC_LISTEN": "127.0.0.1:0",
                "HEALTH_LISTEN": "127.0.0.1:0",
                "TELEMETRY_PORT": str(self.telemetry_port),
                "PROMETHEUS_ENDPOINT": NOBODY,
                "TRACES_ENDPOINT": NOBODY,
                "VENDOR_ENDPOINT": NOBODY,
                **variables,
            },
        )

    def counted(self, metric: str, **labels: str) -> float:
        """Return the sum of one of its own metrics over the series with all `labels`."""
        page = requests.get(f"http://127.0.0.1:{self.telemetry_port}/metrics", timeout=30)
        assert page.status_code == 200
        total = 0.0
        for line in page.text.splitlines():
            if (found := re.fullmatch(rf"{metric}(?:_total)?\{{(.*)\}} (\S+)", line)) and all(
                f'{name}="{value}"' in found[1] for name, value in labels.items()
            ):
                total += float(found[2])
        return total


def drain(*tiers: Tier) -> None:
    """Wait until each tier has passed on everything that it accepted. Name them in the order in which data flows."""
    for tier in tiers:
        for what in ("queue_size", "in_flight_requests"):
            eventually(lambda: tier.counted(f"otelcol_exporter_{what}"), 0.0, why_not=lambda: tier.log)  # noqa: B023


def gateway(folder: Path, secrets: Secrets, *over: str, port: int | str = 0, **variables: str) -> Tier:
    """Return a gateway with these overlays."""
    return Tier(folder, GATEWAY, *over, port=port, **secrets.variables, **variables)


def agent_tier(folder: Path, secrets: Secrets, towards: str, *over: str, port: int | str = 0, **variables: str) -> Tier:
    """Return an agent tier with these overlays, which sends to the gateway at the address `towards`."""
    return Tier(
        folder,
        AGENT,
        *over,
        port=port,
        **{
            "GATEWAY_ENDPOINT": towards,
            "GATEWAY_TOKEN": TOKEN,
            "GATEWAY_CA_FILE": str(secrets.authority.certificate),
            **variables,
        },
    )
