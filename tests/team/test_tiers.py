"""Both tiers: the store that the real OpenCode wrote, agent, agent tier, gateway, Prometheus and a file of spans."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.otlp_receiver import chats_of
from tests.support.real_programs.collector import Collector
from tests.support.real_programs.program import free_ports
from tests.support.real_programs.prometheus import Prometheus
from tests.support.waiting import eventually
from tests.team.support.recount import TOKENS, assert_reaches
from tests.team.support.tiers import Secrets, Tier, agent_tier, drain, gateway

pytestmark = [pytest.mark.collector, pytest.mark.prometheus]


def test_prometheus_and_the_traces_have_exactly_the_recount(
    agent: Agent, prometheus: Prometheus, traces: Collector, secrets: Secrets, tmp_path: Path, expected: dict[str, Any]
) -> None:
    with (
        gateway(
            tmp_path / "g", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp, TRACES_ENDPOINT=traces.endpoint
        ) as second,
        agent_tier(tmp_path / "a", secrets, second.tls_endpoint) as first,
    ):
        log = agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=first.endpoint).stderr
        assert_reaches(prometheus, expected)
        assert prometheus.rows(f"group by (job, team, user) ({TOKENS})", "job", "team", "user") == {
            ("otel-agent", "search", "ada"): 1
        }
        sent = first.counted("otelcol_receiver_accepted_spans")
        assert f"delivered {sent:.0f} spans" in log
        for tier, exporter in ((first, "otlp_http/gateway"), (second, "otlp_http/traces")):
            eventually(lambda: tier.counted("otelcol_exporter_sent_spans", exporter=exporter), sent)  # noqa: B023
            assert tier.counted("otelcol_receiver_refused_spans") == 0
            assert tier.counted("otelcol_exporter_send_failed_metric_points") == 0
        assert second.counted("otelcol_receiver_accepted_spans") == sent
    traces.stop()
    assert len(traces.spans()) == sent
    assert len(chats_of(traces.spans())) == expected["messages"]


def test_killed_collectors_lose_nothing_and_count_nothing_twice(
    agent: Agent, prometheus: Prometheus, traces: Collector, secrets: Secrets, tmp_path: Path, expected: dict[str, Any]
) -> None:
    """The gateway is away while the agent delivers everything to the agent tier, which is then killed and restarted.

    The gateway comes back, and is killed while it receives.
    """

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
        assert_reaches(prometheus, expected)
        agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=killed.endpoint)
        assert_reaches(prometheus, expected)
        drain(first, second)
    traces.stop()
    assert len({span.span_id for span in chats_of(traces.spans())}) == expected["messages"]


def test_accepted_data_survives_the_kill_of_each_tier(
    agent: Agent, prometheus: Prometheus, traces: Collector, secrets: Secrets, tmp_path: Path, expected: dict[str, Any]
) -> None:
    """Each tier is killed while its own receiver is away, and its sender has forgotten the data: only its disk has it."""
    (port,) = free_ports(1)
    nowhere = {"PROMETHEUS_ENDPOINT": "http://127.0.0.1:9", "TRACES_ENDPOINT": "http://127.0.0.1:9"}
    somewhere = {"PROMETHEUS_ENDPOINT": prometheus.otlp, "TRACES_ENDPOINT": traces.endpoint}
    first = agent_tier(tmp_path / "a", secrets, f"https://127.0.0.1:{port}")
    with first:
        agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=first.endpoint)
        accepted = _accepted(first)
        first.kill()
    with gateway(tmp_path / "g", secrets, port=port, **nowhere) as killed, first:
        eventually(lambda: _accepted(killed), accepted, why_not=lambda: first.log)
        drain(first)
        first.stop()
        killed.kill()
    with gateway(tmp_path / "g", secrets, port=port, **somewhere) as second:
        assert_reaches(prometheus, expected)
        drain(second)
    traces.stop()
    assert len(traces.spans()) == accepted["spans"]


def _accepted(tier: Tier) -> dict[str, float]:
    return {what: tier.counted(f"otelcol_receiver_accepted_{what}") for what in ("metric_points", "spans")}


SMALL_QUEUE = """
exporters:
  otlp_http/gateway: {sending_queue: {queue_size: 3000}}
"""


def test_a_tier_with_a_full_queue_rejects_data_and_the_agent_keeps_it(
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
        assert_reaches(prometheus, expected)


def test_the_agent_tier_drops_and_counts_what_the_gateway_rejects_permanently(
    agent: Agent, prometheus: Prometheus, secrets: Secrets, tmp_path: Path
) -> None:
    """The token is not valid any more. Without an agent tier, otel-agent keeps its spans and says so."""
    with gateway(tmp_path / "g", secrets, PROMETHEUS_ENDPOINT=prometheus.otlp) as second:
        with agent_tier(tmp_path / "a", secrets, second.tls_endpoint, GATEWAY_TOKEN="of-yesterday") as first:
            agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=first.endpoint)
            sent = first.counted("otelcol_receiver_accepted_spans")
            eventually(lambda: first.counted("otelcol_exporter_send_failed_spans"), sent, why_not=lambda: first.log)
        assert second.counted("otelcol_receiver_accepted_spans") == 0
