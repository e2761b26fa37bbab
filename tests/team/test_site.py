"""An agent tier for a site: other machines reach it, so it asks for TLS and a token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.real_programs.prometheus import Prometheus
from tests.team.support.recount import assert_reaches
from tests.team.support.tiers import TOKEN, Secrets, agent_tier, gateway

pytestmark = [pytest.mark.collector, pytest.mark.prometheus]


def test_only_an_agent_with_the_sites_token_that_trusts_its_certificate_is_accepted(
    agent: Agent, prometheus: Prometheus, secrets: Secrets, tmp_path: Path, expected: dict[str, Any]
) -> None:
    site = Secrets(tmp_path / "site")
    variables = site.variables | {"SITE_TOKEN_FILE": str(site.token)}
    with (
        gateway(tmp_path / "g", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp) as behind,
        agent_tier(tmp_path / "a", secrets, behind.tls_endpoint, "agent/site.yaml", **variables) as tier,
    ):
        for wrong in (
            {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(secrets.authority.certificate)},
            {"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer not-{TOKEN}"},
        ):
            assert agent.attempt(**site.direct(tier) | wrong).returncode == 3, wrong
        assert tier.counted("otelcol_receiver_accepted_metric_points") == 0
        agent.once(**site.direct(tier))
        assert_reaches(prometheus, expected)
