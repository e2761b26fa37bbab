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
        return gateway(self.folder / "g", self.secrets, "kafka/out.yaml", KAFKA_BROKERS=f"[{self.kafka.bootstrap}]")

    def consumer(self, group: str = "otel-agent") -> Tier:
        return Tier(
            self.folder / group,
            "kafka/in.yaml",
            KAFKA_BROKERS=f"[{self.kafka.bootstrap}]",
            KAFKA_GROUP=group,
            PROMETHEUS_ENDPOINT=self.prometheus.otlp,
            CLICKHOUSE_ENDPOINT=self.clickhouse.endpoint,
        )

    def assert_holds(self, expected: dict[str, Any], spans: float) -> None:
        """In its own time; in ClickHouse, where two rows of a span would be counted, each once."""
        assert_reaches(self.prometheus, expected)
        eventually(lambda: self.clickhouse.do("SELECT count() FROM otel_agent.spans"), [[spans]])
        assert self.clickhouse.do(CHATS) == [[expected["messages"]]]


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[Kafka]:
    with Kafka(tmp_path / "kafka", partitions=4) as kafka:
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
            through.assert_holds(expected, spans)
            assert first.counted("otelcol_processor_filter_datapoints_filtered") == 0
    with through.consumer("another-group") as again:
        eventually(lambda: again.counted("otelcol_exporter_sent_spans") >= spans, True, why_not=lambda: again.log)
        drain(again)
    through.assert_holds(expected, spans)


def test_what_too_few_brokers_have_is_not_acknowledged(
    agent: Agent, through: Through, expected: dict[str, Any]
) -> None:
    """With two of three gone the gateway keeps what it accepted, over its own end too, until one of them is back."""
    for lost in through.kafka.brokers[:2]:
        lost.kill()
    with through.gateway() as killed:
        agent.once(**through.secrets.direct(killed))
        spans = killed.counted("otelcol_receiver_accepted_spans")
        eventually(lambda: "NOT_ENOUGH_REPLICAS" in killed.log or "unable to" in killed.log, True)
        assert killed.counted("otelcol_exporter_sent_spans") == 0
        killed.kill()
    with through.kafka.brokers[0], through.gateway(), through.consumer():
        through.assert_holds(expected, spans)
