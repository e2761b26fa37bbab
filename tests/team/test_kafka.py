"""More than one machine: gateway, Kafka (three brokers), consumers, Prometheus and ClickHouse's engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.agent import Agent
from tests.support.otlp_receiver.tls import Authority
from tests.support.real_programs.clickhouse import ClickHouse
from tests.support.real_programs.kafka import Kafka
from tests.support.real_programs.prometheus import Prometheus
from tests.support.waiting import eventually
from tests.team.support.otlp import gauge, metrics_request, traces_request
from tests.team.support.recount import assert_reaches
from tests.team.support.tiers import TOKEN, Secrets, Tier, drain, gateway

pytestmark = [pytest.mark.collector, pytest.mark.prometheus, pytest.mark.kafka, pytest.mark.clickhouse]

CHATS = "SELECT count() FROM otel_agent.spans WHERE SpanAttributes['gen_ai.operation.name'] = 'chat'"

PARTITIONS = 4
"""The partitions of each topic, unless a test asks for others."""
HISTORY_DAYS = 200
"""The age of the oldest span of a new agent."""
KEPT_DAYS = 90
"""How long schema.sql keeps spans."""


@dataclass(frozen=True)
class Through:
    """Everything between an agent and its backends. A test starts and ends the gateway and the consumers."""

    kafka: Kafka
    prometheus: Prometheus
    clickhouse: ClickHouse
    secrets: Secrets
    folder: Path

    def gateway(self) -> Tier:
        """Return the gateway that writes to Kafka."""
        return gateway(self.folder / "g", self.secrets, "kafka/out.yaml", "kafka/tls.yaml", **self.kafka.variables)

    def consumer(self, group: str = "otel-agent") -> Tier:
        """Return a consumer. One of another group reads everything again."""
        return Tier(
            self.folder / group,
            "kafka/in.yaml",
            "kafka/tls.yaml",
            **self.kafka.variables,
            # The cluster remembers how far a group of an earlier test got.
            KAFKA_GROUP=f"{self.folder.name}-{group}",
            PROMETHEUS_ENDPOINT=self.prometheus.otlp,
            CLICKHOUSE_ENDPOINT=self.clickhouse.endpoint,
        )

    def deliver(self, agent: Agent, tier: Tier) -> None:
        """Let the agent deliver everything. It may need several runs: when a broker is lost, the others are slow at first."""
        eventually(lambda: agent.attempt(**self.secrets.direct(tier)).returncode, 0, why_not=lambda: tier.log)

    def post(self, tier: Tier, path: str, body: object) -> None:
        """Send a request as JSON. Fails if it is not accepted."""
        requests.post(
            f"{tier.tls_endpoint}/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {TOKEN}"},
            verify=str(self.secrets.authority.certificate),
            timeout=30,
        ).raise_for_status()

    def assert_holds(self, expected: dict[str, Any]) -> None:
        """Wait until Prometheus and ClickHouse have the recount. A span that is in ClickHouse twice fails."""
        assert_reaches(self.prometheus, expected)
        eventually(lambda: self.clickhouse.do(CHATS), [[expected["messages"]]])


@dataclass
class Shared:
    """The cluster that all tests here share, because its start takes longer than a test."""

    kafka: Kafka
    is_new: bool = True


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    folder = tmp_path_factory.mktemp("kafka")
    with Kafka(folder / "kafka", Authority(folder / "tls"), partitions=PARTITIONS) as kafka:
        yield Shared(kafka)


@pytest.fixture
def partitions() -> int:
    """The number of partitions of each topic; a test can override it."""
    return PARTITIONS


@pytest.fixture
def kafka(shared: Shared, partitions: int) -> Kafka:
    """Return the cluster with all its brokers and with empty topics."""
    if not shared.is_new or partitions != PARTITIONS:
        shared.kafka.renew(partitions)
    shared.is_new = False
    return shared.kafka


@pytest.fixture
def through(kafka: Kafka, prometheus: Prometheus, clickhouse: ClickHouse, secrets: Secrets, tmp_path: Path) -> Through:
    return Through(kafka, prometheus, clickhouse, secrets, tmp_path)


def test_topics_are_created_so_that_one_broker_may_be_lost(shared: Shared) -> None:
    wanted = {
        "replication.factor": "3",
        "min.insync.replicas": "2",
        "retention.ms": str(3 * 24 * 3_600 * 1_000),
        "max.message.bytes": "4000000",
    }
    assert shared.kafka.settings() == {"otel-agent.metrics": wanted, "otel-agent.traces": wanted}


def test_an_agents_metrics_go_to_one_partition_and_its_whole_history_fits_one_insert(
    through: Through,
) -> None:
    """A partition of Kafka keeps the order. An insert into ClickHouse may touch only a limited number of its partitions."""
    now_ns, day_ns = time.time_ns(), 24 * 3_600 * 10**9
    of = {"service.instance.id": "one"}
    spans = [
        {
            "traceId": f"{day:032x}",
            "spanId": f"{day:016x}",
            "name": "of another day",
            "startTimeUnixNano": str(now_ns - day * day_ns),
            "endTimeUnixNano": str(now_ns - day * day_ns + 1),
        }
        for day in range(1, HISTORY_DAYS + 1)
    ]
    metrics, traces = metrics_request([gauge("x")], **of), traces_request(spans, **of)
    with through.gateway() as second, through.consumer() as first:
        for path, body in (*[("metrics", metrics)] * 20, ("traces", traces)):
            through.post(second, path, body)
        kept = f"SELECT uniqExact(SpanId) FROM otel_agent.spans WHERE Timestamp > now() - INTERVAL {KEPT_DAYS} DAY"
        eventually(lambda: through.clickhouse.do(kept), [[KEPT_DAYS - 1]], why_not=lambda: first.log)
    assert len(through.kafka.filled("otel-agent.metrics")) == 1


def test_a_lost_broker_and_a_killed_consumer_lose_nothing(
    agent: Agent, through: Through, expected: dict[str, Any]
) -> None:
    """A second group of consumers then reads everything again: every point and span arrives twice, and no answer changes."""
    through.kafka.brokers[0].kill()
    with through.gateway() as second:
        through.deliver(agent, second)
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


@pytest.mark.parametrize("partitions", [1])
def test_data_that_only_one_broker_has_is_not_acknowledged(
    agent: Agent, through: Through, expected: dict[str, Any]
) -> None:
    """Only the leader of the metrics is left. It gets the data, but the agent gets an error and keeps the data."""
    (alone,) = set(through.kafka.leaders("otel-agent.metrics"))
    lost = [broker for broker in through.kafka.brokers if broker is not alone]
    for broker in lost:
        broker.kill()
    with through.gateway() as second:
        refused = agent.attempt(**through.secrets.direct(second), OTEL_EXPORTER_OTLP_TIMEOUT="5000")
        assert refused.returncode == 3, refused.stderr
        assert second.counted("otelcol_receiver_accepted_metric_points") == 0
        with lost[0], through.consumer():
            eventually(
                lambda: agent.attempt(**through.secrets.direct(second)).returncode, 0, why_not=lambda: second.log
            )
            through.assert_holds(expected)
