"""A Collector for a site, which others reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.agent import Agent
from tests.real_parts.prometheus import Prometheus
from tests.team.support.recount import assert_reaches
from tests.team.support.tiers import TOKEN, Secrets, agent_tier, gateway

pytestmark = [pytest.mark.collector, pytest.mark.prometheus]


def test_only_who_has_its_token_and_trusts_it_is_passed_on(
    agent: Agent, prometheus: Prometheus, secrets: Secrets, tmp_path: Path, expected: dict[str, Any]
) -> None:
    of_site = Secrets(tmp_path / "site")
    variables = of_site.variables | {"SITE_TOKEN_FILE": str(of_site.token)}
    with (
        gateway(tmp_path / "g", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp) as second,
        agent_tier(tmp_path / "a", secrets, second.tls_endpoint, "agent/site.yaml", **variables) as first,
    ):
        for wrong in (
            {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(secrets.authority.certificate)},
            {"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer not-{TOKEN}"},
        ):
            assert agent.attempt(**of_site.direct(first) | wrong).returncode == 3
        assert first.counted("otelcol_receiver_accepted_metric_points") == 0
        agent.once(**of_site.direct(first))
        assert_reaches(prometheus, expected)
