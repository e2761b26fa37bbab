"""From the ledger's series to OTLP's: cumulative sums and histograms that keep their start time across restarts.

They are built by hand because no instrument of the SDK can go on with a total it did not count itself.
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
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_agent import semconv
from otel_agent.model import Observation, Series
from otel_agent.semconv import Kind
from otel_agent.series.attributes import from_json

POINTS_PER_REQUEST: Final = 1_200
"""About 0.4 MB, or 0.7 MB as JSON: below the 4 MiB that gRPC servers accept by default, and the 1 MiB of a line."""

_T = TypeVar("_T")
_UNKNOWN: Final = cast(float, None)
"""Of all the time since the start nobody keeps the extremes; the protocol lets them be absent, the SDK's type not."""


def published(*, by_session: bool, latest: bool, legacy: bool) -> list[str]:
    """The names of the metrics that the settings ask for."""
    chosen = [*semconv.OPENCODE, *semconv.OWN]
    chosen += semconv.BY_SESSION if by_session else ()
    chosen += semconv.GENAI_LATEST if latest else ()
    chosen += semconv.GENAI_LEGACY if legacy else ()
    return [metric.name for metric in chosen]


def portions(points: Iterable[_T]) -> Iterator[list[_T]]:
    """As many at a time as one request takes."""
    rest = iter(points)
    while portion := list(islice(rest, POINTS_PER_REQUEST)):
        yield portion


def request(
    series: Sequence[Series], *, resource: Resource, scope: InstrumentationScope, now_ns: int, delta: bool = False
) -> MetricsData:
    """One point for each of the series, which are sorted by metric. ``delta``: they are increments."""
    kind = AggregationTemporality.DELTA if delta else AggregationTemporality.CUMULATIVE
    metrics = [
        _metric(name, list(group), now_ns, kind) for name, group in groupby(series, key=lambda each: each.metric)
    ]
    return _data(metrics, resource, scope)


def observed(
    seen: Iterable[Observation],
    *,
    resource: Resource,
    scope: InstrumentationScope,
    now_ns: int,
    delta: bool = False,
) -> MetricsData:
    """One point for each. ``delta``: sums are increments."""
    by_name = sorted(seen, key=lambda each: each.metric)
    kind = AggregationTemporality.DELTA if delta else AggregationTemporality.CUMULATIVE
    metrics = [
        _observed(name, list(group), now_ns, kind) for name, group in groupby(by_name, key=lambda each: each.metric)
    ]
    return _data(metrics, resource, scope)


def _data(metrics: Sequence[Metric], resource: Resource, scope: InstrumentationScope) -> MetricsData:
    scoped = ScopeMetrics(scope=scope, metrics=metrics, schema_url="")
    return MetricsData([ResourceMetrics(resource=resource, scope_metrics=[scoped], schema_url="")])


def _observed(name: str, seen: list[Observation], now_ns: int, temporality: AggregationTemporality) -> Metric:
    metric = semconv.METRICS[name]
    points = [
        NumberDataPoint(
            attributes=dict(each.attributes),
            start_time_unix_nano=each.since_ns or 0,
            time_unix_nano=max(now_ns, (each.since_ns or 0) + 1),
            value=each.value,
        )
        for each in seen
    ]
    kept: Gauge | Sum = Gauge(points)
    if metric.kind is Kind.COUNTER:
        kept = Sum(points, temporality, is_monotonic=True)
    return Metric(name=metric.name, description=metric.description, unit=metric.unit, data=kept)


def _metric(name: str, series: list[Series], now_ns: int, temporality: AggregationTemporality) -> Metric:
    metric = semconv.METRICS[name]
    kept: Histogram | Sum
    if metric.kind is Kind.HISTOGRAM:
        kept = Histogram([_histogram(metric, each, now_ns) for each in series], temporality)
    else:
        kept = Sum([_number(metric, each, now_ns) for each in series], temporality, is_monotonic=True)
    return Metric(name=metric.name, description=metric.description, unit=metric.unit, data=kept)


def _number(metric: semconv.Metric, series: Series, now_ns: int) -> NumberDataPoint:
    return NumberDataPoint(
        attributes=from_json(series.attributes),
        start_time_unix_nano=series.start_ns,
        time_unix_nano=_after(series, now_ns),
        value=series.value if metric.scale == 1 else series.value / metric.scale,
    )


def _histogram(metric: semconv.Metric, series: Series, now_ns: int) -> HistogramDataPoint:
    buckets = [*series.buckets, *[0] * (len(metric.boundaries) + 1 - len(series.buckets))]
    return HistogramDataPoint(
        attributes=from_json(series.attributes),
        start_time_unix_nano=series.start_ns,
        time_unix_nano=_after(series, now_ns),
        count=series.count,
        sum=series.value / metric.scale,
        bucket_counts=buckets,
        explicit_bounds=list(metric.boundaries),
        min=_UNKNOWN,
        max=_UNKNOWN,
    )


def _after(series: Series, now_ns: int) -> int:
    """A point lies after its start, even where the clock was set back meanwhile."""
    return max(now_ns, series.start_ns + 1)
