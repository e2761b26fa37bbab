"""The gateway and each of its overlays: who may send to it, and where it sends what."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.agent import Agent
from tests.support.real_programs.program import free_ports
from tests.support.real_programs.prometheus import Prometheus, Rows
from tests.support.waiting import eventually
from tests.team.support.otlp import gauge, metrics_request
from tests.team.support.recount import TOKENS, assert_reaches
from tests.team.support.tiers import LOOPBACK_GATEWAY, TOKEN, Secrets, Tier, drain, gateway

pytestmark = [pytest.mark.collector, pytest.mark.prometheus]


def test_a_token_is_rotated_without_a_moment_in_which_none_is_valid(
    prometheus: Prometheus, secrets: Secrets, tmp_path: Path
) -> None:
    secrets.token.write_text(f"{TOKEN}\nnew\n", encoding="utf-8")
    with gateway(tmp_path / "g", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp) as tier:
        assert {token: _post(tier, secrets, _bearer(token)) for token in (TOKEN, "new", "other")} == {
            TOKEN: 200,
            "new": 200,
            "other": 401,
        }
        secrets.token.write_text("new\n", encoding="utf-8")
        eventually(lambda: _post(tier, secrets, _bearer(TOKEN)), 401)
        assert _post(tier, secrets, _bearer("new")) == 200


def test_the_loopback_overlay_needs_neither_tls_nor_a_token(
    agent: Agent, prometheus: Prometheus, tmp_path: Path, expected: dict[str, Any]
) -> None:
    """This is the gateway that `make team` and compose.yaml run."""
    with Tier(tmp_path / "g", *LOOPBACK_GATEWAY, PROMETHEUS_ENDPOINT=prometheus.otlp) as tier:
        agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=tier.endpoint)
        assert_reaches(prometheus, expected)


def test_points_that_prometheus_would_reject_do_not_hold_back_others(
    prometheus: Prometheus, secrets: Secrets, tmp_path: Path
) -> None:
    """Such points come from a laptop that was offline for days, or whose clock is wrong."""
    now_ns, hour_ns = time.time_ns(), 3_600 * 10**9
    times = {"old": now_ns - 25 * hour_ns, "yesterday": now_ns - 22 * hour_ns, "ahead": now_ns + hour_ns, "now": now_ns}
    with gateway(tmp_path / "g", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp) as tier:
        body = metrics_request(gauge(name, at_ns=at) for name, at in times.items())
        assert _post(tier, secrets, _bearer(TOKEN), body=body) == 200
        eventually(lambda: sorted(name for name in times if prometheus.answer(f"{name}[2d]")), ["now", "yesterday"])
        assert tier.counted("otelcol_processor_filter_datapoints_filtered") == 2


def test_a_sender_without_the_token_is_rejected(
    prometheus: Prometheus, secrets: Secrets, agent: Agent, tmp_path: Path
) -> None:
    with gateway(tmp_path / "g", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp) as tier:
        for header, status in (({}, 401), ({"Authorization": "Bearer wrong"}, 401), (_bearer(TOKEN), 200)):
            assert _post(tier, secrets, header) == status, header
        rejected = agent.attempt(
            OTEL_EXPORTER_OTLP_ENDPOINT=tier.tls_endpoint,
            OTEL_EXPORTER_OTLP_CERTIFICATE=str(secrets.authority.certificate),
        )
        assert "401" in rejected.stderr
        assert rejected.returncode == 3


def test_with_the_mtls_overlay_a_sender_without_a_certificate_cannot_connect(
    prometheus: Prometheus, secrets: Secrets, tmp_path: Path
) -> None:
    clients = Secrets(tmp_path / "clients")
    with gateway(
        tmp_path / "g",
        secrets,
        "gateway/mtls.yaml",
        PROMETHEUS_ENDPOINT=prometheus.otlp,
        TLS_CLIENT_CA_FILE=str(clients.authority.certificate),
    ) as tier:
        with pytest.raises(requests.ConnectionError):
            _post(tier, secrets, {})
        mine = clients.authority.issue("me", "ada@example.org")
        assert _post(tier, secrets, {}, cert=(str(mine.certificate), str(mine.key))) == 200


def test_with_the_teams_overlay_the_metrics_of_a_team_go_to_its_own_prometheus(
    agent: Agent, prometheus: Prometheus, secrets: Secrets, tmp_path: Path, expected: dict[str, Any]
) -> None:
    with (
        Prometheus(tmp_path / "search") as search,
        gateway(
            tmp_path / "g",
            secrets,
            "gateway/teams.yaml",
            PROMETHEUS_ENDPOINT=prometheus.otlp,
            SEARCH_PROMETHEUS_ENDPOINT=search.otlp,
        ) as tier,
    ):
        direct = secrets.direct(tier) | {"OTEL_TRACES_EXPORTER": "none"}
        agent.once(**direct)
        assert_reaches(search, expected)
        assert prometheus.answer(TOKENS) == []
        agent.once(**direct, OTEL_RESOURCE_ATTRIBUTES="team=checkout")
        assert_reaches(prometheus, expected)
        assert search.rows(f"group by (team) ({TOKENS})", "team") == {("search",): 1}


@pytest.mark.parametrize(
    "overlays",
    list(itertools.permutations(["gateway/without-sessions.yaml", "gateway/teams.yaml"])),
    ids=lambda overlays: overlays[0],
)
def test_two_overlays_work_in_either_order(
    overlays: tuple[str, ...], prometheus: Prometheus, secrets: Secrets, tmp_path: Path
) -> None:
    """A team has its own Prometheus, and no Prometheus has metrics by session."""
    names = {"opencode.token.usage", "opencode.session.token.usage", "opencode.session.cost.usage"}
    with (
        Prometheus(tmp_path / "search") as search,
        gateway(
            tmp_path / "g",
            secrets,
            *overlays,
            PROMETHEUS_ENDPOINT=prometheus.otlp,
            SEARCH_PROMETHEUS_ENDPOINT=search.otlp,
        ) as tier,
    ):
        for team in ("search", "checkout"):
            body = metrics_request(map(gauge, sorted(names)), team=team)
            assert _post(tier, secrets, _bearer(TOKEN), body=body) == 200
        for found, team in ((search, "search"), (prometheus, "checkout")):
            only: Rows = {("opencode_token_usage", team): 1.0}
            each = 'group by (__name__, team) ({__name__=~"opencode_.*"})'
            eventually(lambda: found.rows(each, "__name__", "team"), only, why_not=lambda: tier.log)  # noqa: B023
            drain(tier)
            assert found.rows(each, "__name__", "team") == only


SCRAPING = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: otel-agent
    honor_labels: true
    static_configs: [{{targets: ["{target}"]}}]
"""


def test_a_scraped_gateway_gives_the_same_names_and_values_as_one_that_sends(
    agent: Agent, secrets: Secrets, tmp_path: Path, expected: dict[str, Any]
) -> None:
    target, config = f"127.0.0.1:{free_ports(1)[0]}", tmp_path / "prometheus.yaml"
    config.write_text(SCRAPING.format(target=target), encoding="utf-8")
    with (
        gateway(tmp_path / "g", secrets, "gateway/scrape.yaml", SCRAPE_LISTEN=target) as tier,
        Prometheus(tmp_path / "scraping", config=config) as prometheus,
    ):
        agent.once(**secrets.direct(tier), OTEL_TRACES_EXPORTER="none")
        assert_reaches(prometheus, expected)
        assert prometheus.rows(f"group by (job, team, user) ({TOKENS})", "job", "team", "user") == {
            ("otel-agent", "search", "ada"): 1
        }


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _post(
    tier: Tier, secrets: Secrets, headers: dict[str, str], cert: tuple[str, str] | None = None, body: object = None
) -> int:
    return requests.post(
        f"{tier.tls_endpoint}/v1/metrics",
        json=body or {},
        headers=headers,
        verify=str(secrets.authority.certificate),
        cert=cert,
        timeout=30,
    ).status_code
