"""What every way of delivering offers."""

from collections.abc import Sequence
from typing import Protocol

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.model import SendResult


class SpanDelivery(Protocol):
    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        """Hand over; return only when it is known whether the spans were taken. Never raises for the other side."""

    def close(self) -> None:
        """Give up what is under way; may be called from another thread."""


class MetricDelivery(Protocol):
    def send(self, data: MetricsData) -> SendResult: ...

    def close(self) -> None: ...
