"""A store the real OpenCode wrote -> agent -> agent tier -> gateway tier -> Prometheus, and a file of spans."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.agent import Agent
from tests.collector_process import Collector, otlp_to_files
from tests.otlp_receiver import chats_of
from tests.prometheus_process import Prometheus, Rows
from tests.team.tiers import TOKEN, Secrets, Tier, agent_tier, drain, free_port, gateway
from tests.waiting import eventually

pytestmark = [pytest.mark.collector, pytest.mark.prometheus]

STORE = Path(__file__).resolve().parent.parent / "stores" / "sqlite-1.18.33-fork"
TOKENS = "opencode_token_usage_total"
KINDS = ("input", "output", "reasoning", "cache_read", "cache_write")
VIEWS = {
    "model": ("gen_ai_provider_name", "gen_ai_request_model"),
    "agent": ("gen_ai_agent_name",),
    "project": ("opencode_project_name",),
}


@pytest.fixture
def expected() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((STORE / "expected.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets(tmp_path / "tls")


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    with Prometheus(tmp_path / "prometheus") as prometheus:
        yield prometheus


@pytest.fixture
def traces(tmp_path: Path) -> Iterator[Collector]:
    """Stands where Tempo or Jaeger would."""
    with Collector(otlp_to_files(), tmp_path / "traces") as traces:
        yield traces


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    agent = Agent(tmp_path / "home", "", extra={"OTEL_RESOURCE_ATTRIBUTES": "team=search,user=ada"})
    shutil.copytree(STORE / "opencode", agent.data_dir)
    return agent


def test_what_prometheus_answers_is_the_recount(
    agent: Agent, prometheus: Prometheus, traces: Collector, secrets: Secrets, tmp_path: Path, expected: dict[str, Any]
) -> None:
    with (
        gateway(
            tmp_path / "g", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp, TRACES_ENDPOINT=traces.endpoint
        ) as second,
        agent_tier(tmp_path / "a", secrets, second.tls_endpoint) as first,
    ):
        said = agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=first.endpoint).stderr
        _assert_reaches(prometheus, expected)
        assert prometheus.rows(f"group by (job, team, user) ({TOKENS})", "job", "team", "user") == {
            ("otel-agent", "search", "ada"): 1
        }
        sent = first.counted("otelcol_receiver_accepted_spans")
        assert f"delivered {sent:.0f} spans" in said
        for tier, exporter in ((first, "otlp_http/gateway"), (second, "otlp_http/traces")):
            eventually(lambda: tier.counted("otelcol_exporter_sent_spans", exporter=exporter), sent)  # noqa: B023
            assert tier.counted("otelcol_receiver_refused_spans") == 0
            assert tier.counted("otelcol_exporter_send_failed_metric_points") == 0
        assert second.counted("otelcol_receiver_accepted_spans") == sent
    traces.stop()
    assert len(traces.spans()) == sent
    assert len(chats_of(traces.spans())) == expected["messages"]


def test_killed_collectors_lose_nothing_and_nothing_counts_twice(
    agent: Agent, prometheus: Prometheus, traces: Collector, secrets: Secrets, tmp_path: Path, expected: dict[str, Any]
) -> None:
    """The gateway is away while the agent delivers all it has, and forgets it; then the agent tier is killed, started
    anew, and the gateway comes; and is killed in the middle of it."""

    def through(port: int = 0) -> Tier:
        towards = {"PROMETHEUS_ENDPOINT": prometheus.otlp, "TRACES_ENDPOINT": traces.endpoint}
        return gateway(tmp_path / "g", secrets, port=port, **towards)

    with ExitStack() as running:
        with through() as gone:
            port = gone.http_port
        with agent_tier(tmp_path / "a", secrets, gone.tls_endpoint) as killed:
            agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=killed.endpoint)
            killed.kill()
        first = agent_tier(tmp_path / "a", secrets, gone.tls_endpoint, port=killed.http_port)
        running.enter_context(first)
        with through(port) as killed_too:
            eventually(lambda: killed_too.counted("otelcol_receiver_accepted_metric_points") > 0, True)
            killed_too.kill()
        second = running.enter_context(through(port))
        _assert_reaches(prometheus, expected)
        agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=killed.endpoint)
        _assert_reaches(prometheus, expected)
        drain(first, second)
    traces.stop()
    assert len({span.span_id for span in chats_of(traces.spans())}) == expected["messages"]


def test_by_grpc_to_the_gateways_behind_a_name(
    agent: Agent, prometheus: Prometheus, traces: Collector, secrets: Secrets, tmp_path: Path, expected: dict[str, Any]
) -> None:
    with (
        gateway(
            tmp_path / "g", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp, TRACES_ENDPOINT=traces.endpoint
        ) as second,
        agent_tier(
            tmp_path / "a",
            secrets,
            "http://127.0.0.1:9",
            "agent/balanced.yaml",
            GATEWAY_GRPC_ENDPOINT=f"dns:///localhost:{second.grpc_endpoint.rpartition(':')[2]}",
        ) as first,
    ):
        agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=first.endpoint)
        _assert_reaches(prometheus, expected)


def test_a_token_is_changed_without_a_gap(prometheus: Prometheus, secrets: Secrets, tmp_path: Path) -> None:
    secrets.token.write_text(f"{TOKEN}\nnew\n", encoding="utf-8")
    with gateway(tmp_path / "g", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp) as tier:
        assert [_post(tier, secrets, _bearer(token)) for token in (TOKEN, "new", "other")] == [200, 200, 401]
        secrets.token.write_text("new\n", encoding="utf-8")
        eventually(lambda: _post(tier, secrets, _bearer(TOKEN)), 401)
        assert _post(tier, secrets, _bearer("new")) == 200


def test_without_tls_and_token_on_loopback(
    agent: Agent, prometheus: Prometheus, tmp_path: Path, expected: dict[str, Any]
) -> None:
    """What `make team` and compose.yaml run."""
    with Tier(tmp_path / "g", "gateway.yaml", "gateway/loopback.yaml", PROMETHEUS_ENDPOINT=prometheus.otlp) as tier:
        agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=tier.endpoint)
        _assert_reaches(prometheus, expected)


def test_points_of_another_day_keep_nobody_elses_back(prometheus: Prometheus, secrets: Secrets, tmp_path: Path) -> None:
    """Of a laptop that comes home after days, or whose clock is wrong."""
    now_ns, hour_ns = time.time_ns(), 3_600 * 10**9
    times = {"old": now_ns - 25 * hour_ns, "yesterday": now_ns - 22 * hour_ns, "ahead": now_ns + hour_ns, "now": now_ns}
    points = [
        {"name": name, "gauge": {"dataPoints": [{"asInt": 1, "timeUnixNano": str(at)}]}} for name, at in times.items()
    ]
    with gateway(tmp_path / "g", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp) as tier:
        body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": points}]}]}
        assert _post(tier, secrets, _bearer(TOKEN), body=body) == 200
        eventually(lambda: sorted(name for name in times if prometheus.answer(f"{name}[2d]")), ["now", "yesterday"])
        assert tier.counted("otelcol_processor_filter_datapoints_filtered") == 2


SMALL_QUEUE = """
exporters:
  otlp_http/gateway: {sending_queue: {queue_size: 3000}}
"""


def test_a_full_queue_refuses_and_the_agent_keeps_it(
    agent: Agent, prometheus: Prometheus, traces: Collector, secrets: Secrets, tmp_path: Path, expected: dict[str, Any]
) -> None:
    small = tmp_path / "small.yaml"
    small.write_text(SMALL_QUEUE, encoding="utf-8")
    with agent_tier(tmp_path / "a", secrets, "http://127.0.0.1:9", str(small)) as full:
        refused = agent.attempt(OTEL_EXPORTER_OTLP_ENDPOINT=full.endpoint)
        assert refused.returncode == 3, refused.stderr
    with (
        gateway(
            tmp_path / "g", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp, TRACES_ENDPOINT=traces.endpoint
        ) as second,
        agent_tier(tmp_path / "b", secrets, second.tls_endpoint) as roomy,
    ):
        agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=roomy.endpoint)
        _assert_reaches(prometheus, expected)


def test_who_has_no_token_is_turned_away(
    prometheus: Prometheus, secrets: Secrets, agent: Agent, tmp_path: Path
) -> None:
    with gateway(tmp_path / "g", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp) as tier:
        for header, status in (({}, 401), ({"Authorization": "Bearer wrong"}, 401), (_bearer(TOKEN), 200)):
            assert _post(tier, secrets, header) == status
        refused = agent.attempt(
            OTEL_EXPORTER_OTLP_ENDPOINT=tier.tls_endpoint,
            OTEL_EXPORTER_OTLP_CERTIFICATE=str(secrets.authority.certificate),
        )
        assert (refused.returncode, "401" in refused.stderr) == (3, True)


def test_who_has_no_certificate_is_turned_away(prometheus: Prometheus, secrets: Secrets, tmp_path: Path) -> None:
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


def test_sessions_can_be_left_out_and_teams_have_their_own(
    agent: Agent, prometheus: Prometheus, secrets: Secrets, tmp_path: Path, expected: dict[str, Any]
) -> None:
    with (
        Prometheus(tmp_path / "search") as theirs,
        gateway(
            tmp_path / "g",
            secrets,
            "gateway/without-sessions.yaml",
            "gateway/teams.yaml",
            PROMETHEUS_ENDPOINT=prometheus.otlp,
            SEARCH_PROMETHEUS_ENDPOINT=theirs.otlp,
        ) as tier,
    ):
        direct = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": tier.tls_endpoint,
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(secrets.authority.certificate),
            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {TOKEN}",
            "OTEL_TRACES_EXPORTER": "none",
        }
        agent.once(**direct)
        _assert_reaches(theirs, expected)
        assert prometheus.answer(TOKENS) == []
        agent.once(**direct, OTEL_RESOURCE_ATTRIBUTES="team=checkout")
        _assert_reaches(prometheus, expected)
        assert prometheus.answer('{__name__=~"opencode_session_token.*"}') == []
        assert theirs.rows(f"group by (team) ({TOKENS})", "team") == {("search",): 1}


SCRAPING = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: otel-agent
    honor_labels: true
    static_configs: [{{targets: ["{target}"]}}]
"""


def test_the_form_that_is_scraped_has_the_same_names_and_values(
    agent: Agent, secrets: Secrets, tmp_path: Path, expected: dict[str, Any]
) -> None:
    target, config = f"127.0.0.1:{free_port()}", tmp_path / "prometheus.yaml"
    config.write_text(SCRAPING.format(target=target), encoding="utf-8")
    with (
        gateway(tmp_path / "g", secrets, "gateway/scrape.yaml", SCRAPE_LISTEN=target) as tier,
        Prometheus(tmp_path / "scraping", config=config) as prometheus,
    ):
        agent.once(
            OTEL_EXPORTER_OTLP_ENDPOINT=tier.tls_endpoint,
            OTEL_EXPORTER_OTLP_CERTIFICATE=str(secrets.authority.certificate),
            OTEL_EXPORTER_OTLP_HEADERS=f"Authorization=Bearer {TOKEN}",
            OTEL_TRACES_EXPORTER="none",
        )
        _assert_reaches(prometheus, expected)
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


def _assert_reaches(prometheus: Prometheus, expected: dict[str, Any]) -> None:
    for view, labels in VIEWS.items():
        query = f"sum by ({', '.join((*labels, 'gen_ai_token_type'))}) ({TOKENS}) > 0"
        eventually(lambda: _by_name(prometheus.rows(query, *labels, "gen_ai_token_type")), _wanted(view, expected))  # noqa: B023
    assert prometheus.rows("sum(opencode_message_count_total)") == {(): expected["messages"]}
    assert prometheus.rows("sum(opencode_cost_usage_USD_total)")[()] == pytest.approx(expected["cost"], abs=1e-9)


def _by_name(rows: Rows) -> Rows:
    return {("/".join(labels[:-1]), labels[-1]): value for labels, value in rows.items()}


def _wanted(view: str, expected: dict[str, Any]) -> Rows:
    """By base name; the worktree `/` is no project: there the session's directory, `/home/dev/scratch`, names it."""
    return {
        ((Path(name).name or "scratch") if view == "project" else name, kind): tokens[kind]
        for name, tokens in expected["by"][view].items()
        for kind in KINDS
        if tokens[kind]
    }
