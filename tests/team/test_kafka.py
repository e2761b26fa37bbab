"""Past one machine: gateway -> Kafka (three brokers) -> consumers -> Prometheus and ClickHouse's engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.agent import Agent
from tests.real_parts import COLLECTOR
from tests.real_parts.clickhouse import ClickHouse
from tests.real_parts.kafka import Kafka
from tests.real_parts.prometheus import Prometheus
from tests.team.recount import assert_reaches
from tests.team.tiers import Secrets, Tier, drain, gateway
from tests.waiting import eventually

pytestmark = [pytest.mark.collector, pytest.mark.prometheus, pytest.mark.kafka, pytest.mark.clickhouse]

CHATS = "SELECT count() FROM otel_agent.spans WHERE SpanAttributes['gen_ai.operation.name'] = 'chat'"


@dataclass(frozen=True)
class Through:
    """The whole way: what stands on it, and the processes that a test starts and ends."""

    kafka: Kafka
    prometheus: Prometheus
    clickhouse: ClickHouse
    secrets: Secrets
    folder: Path

    def gateway(self) -> Tier:
        return gateway(self.folder / "g", self.secrets, "kafka/out.yaml", "kafka/tls.yaml", **self.kafka.variables)

    def consumer(self, group: str = "otel-agent") -> Tier:
        return Tier(
            self.folder / group,
            "kafka/in.yaml",
            "kafka/tls.yaml",
            **self.kafka.variables,
            KAFKA_GROUP=group,
            PROMETHEUS_ENDPOINT=self.prometheus.otlp,
            CLICKHOUSE_ENDPOINT=self.clickhouse.endpoint,
        )

    def assert_holds(self, expected: dict[str, Any]) -> None:
        """In its own time; in ClickHouse, where two rows of a span would be counted, each once."""
        assert_reaches(self.prometheus, expected)
        eventually(lambda: self.clickhouse.do(CHATS), [[expected["messages"]]])


@pytest.fixture
def kafka(secrets: Secrets, tmp_path: Path) -> Iterator[Kafka]:
    with Kafka(tmp_path / "kafka", secrets.authority, partitions=4) as kafka:
        yield kafka


@pytest.fixture
def clickhouse(tmp_path: Path) -> Iterator[ClickHouse]:
    with ClickHouse(tmp_path / "clickhouse") as clickhouse:
        for statement in (COLLECTOR / "clickhouse" / "schema.sql").read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                clickhouse.do(statement)
        yield clickhouse


@pytest.fixture
def through(kafka: Kafka, prometheus: Prometheus, clickhouse: ClickHouse, secrets: Secrets, tmp_path: Path) -> Through:
    return Through(kafka, prometheus, clickhouse, secrets, tmp_path)


def test_a_lost_broker_and_a_killed_consumer_lose_nothing(
    agent: Agent, through: Through, expected: dict[str, Any]
) -> None:
    """And who reads all of it again changes no answer: every point and every span is then there twice."""
    through.kafka.brokers[0].kill()
    with through.gateway() as second:
        agent.once(**through.secrets.direct(second))
        spans = second.counted("otelcol_receiver_accepted_spans")
        with through.consumer() as killed:
            eventually(lambda: killed.counted("otelcol_receiver_accepted_spans") > 0, True, why_not=lambda: killed.log)
            killed.kill()
        with through.consumer() as first:
            through.assert_holds(expected)
            assert first.counted("otelcol_processor_filter_datapoints_filtered") == 0
    with through.consumer("another-group") as again:
        eventually(lambda: again.counted("otelcol_exporter_sent_spans") >= spans, True, why_not=lambda: again.log)
        drain(again)
    through.assert_holds(expected)
    assert through.clickhouse.do("SELECT count() FROM otel_agent.spans") == [[spans]]


def test_what_too_few_brokers_have_is_not_acknowledged(
    agent: Agent, through: Through, expected: dict[str, Any]
) -> None:
    """With two of three gone the agent is told so, and keeps it; the gateway has no queue in which it could be lost."""
    for lost in through.kafka.brokers[:2]:
        lost.kill()
    with through.gateway() as second:
        refused = agent.attempt(**through.secrets.direct(second), OTEL_EXPORTER_OTLP_TIMEOUT="5")
        assert refused.returncode == 3, refused.stderr
        with through.kafka.brokers[0], through.consumer():
            eventually(
                lambda: agent.attempt(**through.secrets.direct(second)).returncode, 0, why_not=lambda: second.log
            )
            through.assert_holds(expected)
