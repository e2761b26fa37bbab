"""Turns the ledger's series into OTLP's: sums and histograms that keep their start time across restarts.

They are built by hand, because no instrument of the SDK can continue a total that it did not count itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Final, TypeVar, cast

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)

from otel_agent import semconv
from otel_agent.model import Observation, Series
from otel_agent.otlp import times
from otel_agent.otlp.resource import Emitter
from otel_agent.semconv import Kind
from otel_agent.series.attributes import from_json

POINTS_PER_REQUEST: Final = 1_200
"""This is about 0.4 MB, or 0.7 MB as JSON. gRPC servers accept 4 MiB by default, and a line in a file may have 1 MB."""

_Item = TypeVar("_Item")
_ABSENT: Final = cast(float, None)
"""A histogram's extremes. Nobody keeps them since its start; the protocol lets them be absent, the SDK's type does not."""


def exported_metrics(
    *, by_session: bool, latest: bool, legacy: bool, ours: bool = True, claude_code: bool = False
) -> list[str]:
    """Return the names of the ledger's metrics that the settings ask for.

    ``latest`` and ``legacy`` are the two versions of OpenTelemetry's GenAI conventions. ``ours`` are the names that begin
    with ``opencode``, ``claude_code`` those for dashboards of Claude Code.
    """
    chosen = [*semconv.OWN]
    if ours:
        chosen = [*semconv.OPENCODE, *chosen, *(semconv.BY_SESSION if by_session else ())]
    chosen += semconv.CLAUDE_CODE if claude_code else ()
    chosen += semconv.GENAI_LATEST if latest else ()
    chosen += semconv.GENAI_LEGACY if legacy else ()
    return [metric.name for metric in chosen]


def portions(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Yield the items in order, as many at a time as one request takes."""
    rest = iter(items)
    while portion := list(islice(rest, POINTS_PER_REQUEST)):
        yield portion


def series_request(series: Sequence[Series], emitter: Emitter, *, now_ns: int, delta: bool = False) -> MetricsData:
    """Return a request with one point for each series, dated ``now_ns``. The series have to be sorted by metric.

    ``delta`` says that they are increments.
    """
    by_metric = groupby(series, key=lambda each: each.metric)
    return _request(
        [_series_metric(semconv.METRICS[name], list(group), now_ns, _temporality(delta)) for name, group in by_metric],
        emitter,
    )


def observations_request(
    observations: Iterable[Observation], emitter: Emitter, *, now_ns: int, delta: bool = False
) -> MetricsData:
    """Return a request with one point for each observation. ``delta`` says that the sums among them are increments."""
    by_metric = groupby(sorted(observations, key=lambda each: each.metric), key=lambda each: each.metric)
    return _request(
        [_observed_metric(semconv.METRICS[name], group, now_ns, _temporality(delta)) for name, group in by_metric],
        emitter,
    )


def _temporality(delta: bool) -> AggregationTemporality:
    return AggregationTemporality.DELTA if delta else AggregationTemporality.CUMULATIVE


def _request(metrics: Sequence[Metric], emitter: Emitter) -> MetricsData:
    scoped = ScopeMetrics(scope=emitter.scope, metrics=metrics, schema_url="")
    return MetricsData([ResourceMetrics(resource=emitter.resource, scope_metrics=[scoped], schema_url="")])


def _metric(metric: semconv.Metric, data: Gauge | Histogram | Sum) -> Metric:
    return Metric(name=metric.name, description=metric.description, unit=metric.unit, data=data)


def _observed_metric(
    metric: semconv.Metric, observations: Iterable[Observation], now_ns: int, temporality: AggregationTemporality
) -> Metric:
    points = [_observed_point(observation, now_ns) for observation in observations]
    if metric.kind is Kind.COUNTER:
        return _metric(metric, Sum(points, temporality, is_monotonic=True))
    return _metric(metric, Gauge(points))


def _observed_point(observation: Observation, now_ns: int) -> NumberDataPoint:
    # A gauge has no start. Zero is OTLP's word for that.
    start_ns, time_ns = (
        (0, max(now_ns, 1)) if observation.since_ns is None else times.of_point(observation.since_ns, now_ns)
    )
    return NumberDataPoint(
        attributes=dict(observation.attributes),
        start_time_unix_nano=start_ns,
        time_unix_nano=time_ns,
        value=observation.value,
    )


def _series_metric(
    metric: semconv.Metric, series: Sequence[Series], now_ns: int, temporality: AggregationTemporality
) -> Metric:
    if metric.kind is Kind.HISTOGRAM:
        return _metric(metric, Histogram([_histogram_point(metric, each, now_ns) for each in series], temporality))
    points = [_number_point(metric, each, now_ns) for each in series]
    return _metric(metric, Sum(points, temporality, is_monotonic=True))


def _number_point(metric: semconv.Metric, series: Series, now_ns: int) -> NumberDataPoint:
    start_ns, time_ns = times.of_point(series.start_ns, now_ns)
    return NumberDataPoint(
        attributes=from_json(series.attributes),
        start_time_unix_nano=start_ns,
        time_unix_nano=time_ns,
        # With a scale always a float, even for whole dollars: some backends fix a metric's type by its first point.
        value=series.value if metric.scale == 1 else series.value / metric.scale,
    )


def _histogram_point(metric: semconv.Metric, series: Series, now_ns: int) -> HistogramDataPoint:
    # The ledger keeps buckets up to the highest one in use; OTLP wants all of them.
    unused = [0] * (len(metric.boundaries) + 1 - len(series.buckets))
    start_ns, time_ns = times.of_point(series.start_ns, now_ns)
    return HistogramDataPoint(
        attributes=from_json(series.attributes),
        start_time_unix_nano=start_ns,
        time_unix_nano=time_ns,
        count=series.count,
        sum=series.value / metric.scale,
        bucket_counts=[*series.buckets, *unused],
        explicit_bounds=list(metric.boundaries),
        min=_ABSENT,
        max=_ABSENT,
    )
