"""Turns request messages into flat rows, one for each span and each data point, in the order of the request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.otlp_receiver.wire import Malformed

# Arrays arrive as tuples and maps as tuples of (key, value), so that a series' attributes can be hashed.
Attribute = str | bool | int | float | bytes | None | tuple["Attribute", ...]
Attributes = Mapping[str, Attribute]


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One span. Ids are lowercase hex, and a root's `parent_span_id` is "".

    `kind` and `status_code` are enum names without their prefix: "INTERNAL", "CLIENT"; "UNSET", "OK", "ERROR".
    Times are Unix nanoseconds.
    """

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    attributes: Attributes
    status_code: str
    status_message: str
    resource: Attributes
    scope_name: str
    scope_version: str


@dataclass(frozen=True, slots=True)
class PointRow:
    """One data point. `value` is int or float as in the request, and None for a histogram.

    Only histograms have `count`, `sum`, `bucket_counts` and `bounds`. A gauge's `temporality` is "". Times are Unix
    nanoseconds.
    """

    metric: str
    unit: str
    description: str
    attributes: Attributes
    value: int | float | None
    start_ns: int
    time_ns: int
    kind: Literal["sum", "gauge", "histogram"]
    monotonic: bool
    temporality: Literal["cumulative", "delta", ""]
    count: int | None
    sum: float | None
    bucket_counts: tuple[int, ...]
    bounds: tuple[float, ...]
    resource: Attributes
    scope_name: str
    scope_version: str


def attribute(value: AnyValue) -> Attribute:
    """Return the value of an attribute. Raises Malformed for a kind of value that this code does not know."""
    match value.WhichOneof("value"):
        case "string_value" | "bool_value" | "int_value" | "double_value" | "bytes_value" as kind:
            scalar: str | bool | int | float | bytes = getattr(value, kind)
            return scalar
        case "array_value":
            return tuple(attribute(item) for item in value.array_value.values)
        case "kvlist_value":
            return tuple((pair.key, attribute(pair.value)) for pair in value.kvlist_value.values)
        case None:
            return None
        case other:
            raise Malformed(f"an attribute has no value of a known kind: {other}")


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Attribute]:
    """Return attributes as a dict. Raises Malformed for a doubled key, which OTLP forbids and a dict hides."""
    found: dict[str, Attribute] = {}
    for pair in pairs:
        if pair.key in found:
            raise Malformed(f"attribute {pair.key!r} appears twice")
        found[pair.key] = attribute(pair.value)
    return found


def span_rows(request: ExportTraceServiceRequest) -> Iterator[SpanRow]:
    """Yield a row for each span. Raises Malformed for attributes that cannot be read."""
    for of_resource in request.resource_spans:
        resource = attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield _span_row(span, resource, of_scope.scope)


def _span_row(span: Span, resource: Attributes, scope: InstrumentationScope) -> SpanRow:
    return SpanRow(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=attributes(span.attributes),
        status_code=Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        status_message=span.status.message,
        resource=resource,
        scope_name=scope.name,
        scope_version=scope.version,
    )


def point_rows(request: ExportMetricsServiceRequest) -> Iterator[PointRow]:
    """Yield a row for each point. Raises Malformed for exponential histograms and summaries, which have no row."""
    for of_resource in request.resource_metrics:
        resource = attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                yield from _metric_rows(metric, resource, of_scope.scope)


def _metric_rows(metric: Metric, resource: Attributes, scope: InstrumentationScope) -> Iterator[PointRow]:
    match metric.WhichOneof("data"):
        case "sum":
            for point in metric.sum.data_points:
                yield _point_row(metric, "sum", point, resource, scope)
        case "gauge":
            for point in metric.gauge.data_points:
                yield _point_row(metric, "gauge", point, resource, scope)
        case "histogram":
            for buckets in metric.histogram.data_points:
                yield _point_row(metric, "histogram", buckets, resource, scope)
        case other:
            raise Malformed(f"metric {metric.name!r} has no row: {other}")


def _point_row(
    metric: Metric,
    kind: Literal["sum", "gauge", "histogram"],
    point: NumberDataPoint | HistogramDataPoint,
    resource: Attributes,
    scope: InstrumentationScope,
) -> PointRow:
    buckets = point if isinstance(point, HistogramDataPoint) else None
    return PointRow(
        metric=metric.name,
        unit=metric.unit,
        description=metric.description,
        attributes=attributes(point.attributes),
        value=_number(metric.name, point) if isinstance(point, NumberDataPoint) else None,
        start_ns=point.start_time_unix_nano,
        time_ns=point.time_unix_nano,
        kind=kind,
        monotonic=metric.sum.is_monotonic,
        temporality=_temporality(metric),
        count=buckets.count if buckets else None,
        sum=buckets.sum if buckets and buckets.HasField("sum") else None,
        bucket_counts=tuple(buckets.bucket_counts) if buckets else (),
        bounds=tuple(buckets.explicit_bounds) if buckets else (),
        resource=resource,
        scope_name=scope.name,
        scope_version=scope.version,
    )


def _number(metric: str, point: NumberDataPoint) -> int | float:
    match point.WhichOneof("value"):
        case "as_int":
            return point.as_int
        case "as_double":
            return point.as_double
        case _:
            raise Malformed(f"a point of {metric!r} has no value")


def _temporality(metric: Metric) -> Literal["cumulative", "delta", ""]:
    if metric.HasField("gauge"):
        return ""
    of = metric.sum if metric.HasField("sum") else metric.histogram
    match of.aggregation_temporality:
        case AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE:
            return "cumulative"
        case AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA:
            return "delta"
        case _:
            raise Malformed(f"metric {metric.name!r} has no temporality")
