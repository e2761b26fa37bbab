"""From the ledger's integers to points: units, times, and histograms as the protocol wants them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from otel_agent.model import Observation, Series
from otel_agent.otlp import metrics
from tests.otlp.made import EMITTER
from tests.support.otlp_receiver.rows import PointRow, point_rows

START, NOW = 1_700_000_000_000_000_000, 1_700_000_060_000_000_000
ATTRIBUTES = json.dumps({"gen_ai.request.model": "glm-4.7"})
DURATION = "gen_ai.client.operation.duration"


def series(metric: str, value: int = 0, count: int = 0, buckets: Sequence[int] = (), start_ns: int = START) -> Series:
    return Series(metric, ATTRIBUTES, start_ns, value, count, tuple(buckets))


def encoded(*of: Series, now_ns: int = NOW) -> ExportMetricsServiceRequest:
    return encode_metrics(metrics.series_request(of, EMITTER, now_ns=now_ns))


def point(of: Series, *, now_ns: int = NOW) -> PointRow:
    (found,) = point_rows(encoded(of, now_ns=now_ns))
    return found


def test_tokens_are_integers_up_to_the_largest() -> None:
    largest = point(series("opencode.token.usage", 2**63 - 1))
    assert largest.value == 2**63 - 1
    assert type(largest.value) is int
    assert type(point(series("opencode.token.usage")).value) is int


def test_cost_is_always_a_float() -> None:
    costs = {0: 0.0, 1: 1e-9, 2_000_000_000: 2.0, 12_345_678: 0.012345678}
    for nusd, dollars in costs.items():
        value = point(series("opencode.cost.usage", nusd)).value
        assert value == dollars
        assert type(value) is float


def test_a_point_has_the_start_time_of_its_series() -> None:
    found = point(series("opencode.token.usage", 7))
    assert found.start_ns == START
    assert found.time_ns == NOW


def test_a_point_lies_after_its_start_even_if_the_clock_was_set_back() -> None:
    found = point(series("opencode.token.usage", 7), now_ns=START - 10**12)
    assert found.start_ns == START < found.time_ns


def test_an_observed_sum_lies_after_its_start_even_if_the_clock_was_set_back() -> None:
    observed = Observation("process.cpu.time", 1.5, since_ns=START)
    (found,) = point_rows(encode_metrics(metrics.observations_request([observed], EMITTER, now_ns=START - 10**9)))
    assert found.start_ns == START < found.time_ns


def test_a_gauge_has_no_start() -> None:
    observed = Observation("otel_agent.outbox.size", 3)
    (found,) = point_rows(encode_metrics(metrics.observations_request([observed], EMITTER, now_ns=NOW)))
    assert found.start_ns == 0
    assert found.time_ns == NOW


def test_a_histogram_has_all_buckets_and_its_sum_in_seconds() -> None:
    """The ledger keeps as many buckets as are in use; the point has all of them, in seconds."""
    found = point(series(DURATION, value=1_500, count=3, buckets=[0, 1, 2]))
    assert found.bounds == (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
    assert found.bucket_counts == (0, 1, 2) + (0,) * 12
    assert found.count == 3
    assert found.sum == 1.5
    assert found.count == sum(found.bucket_counts)
    assert found.start_ns == START
    assert found.time_ns == NOW


def test_a_histogram_claims_no_extremes() -> None:
    (metric,) = encoded(series(DURATION, 1_500, 1, [1])).resource_metrics[0].scope_metrics[0].metrics
    (histogram,) = metric.histogram.data_points
    assert histogram.HasField("sum")
    assert not histogram.HasField("min")
    assert not histogram.HasField("max")


def test_the_token_histogram_has_powers_of_four_as_bounds() -> None:
    found = point(series("gen_ai.client.token.usage", value=1_007, count=2, buckets=[1]))
    assert found.sum == 1_007.0
    assert found.bounds == tuple(4**n for n in range(14))
    assert len(found.bucket_counts) == 15


def test_all_series_of_a_metric_are_in_one_metric_of_the_request() -> None:
    request = encoded(
        series("opencode.cost.usage", 1), series("opencode.token.usage", 1), series("opencode.token.usage", 2)
    )
    names = [metric.name for metric in request.resource_metrics[0].scope_metrics[0].metrics]
    assert names == ["opencode.cost.usage", "opencode.token.usage"]


def test_portions_are_bounded_and_leave_nothing_out() -> None:
    size = metrics.POINTS_PER_REQUEST
    many = [series("opencode.token.usage", number) for number in range(2 * size + 1)]
    portions = list(metrics.portions(iter(many)))
    assert [len(each) for each in portions] == [size, size, 1]
    assert [each for portion in portions for each in portion] == many
    assert list(metrics.portions([])) == []
