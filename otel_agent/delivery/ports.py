"""The interfaces that every way of delivery offers, and the result without one."""

from collections.abc import Sequence
from typing import Final, Protocol

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.model import SendResult

NOTHING_SENT: Final = SendResult(accepted=False, reason="nothing was sent")
"""The result if nothing delivers, or nothing does any more."""


class SpanDelivery(Protocol):
    """Sends spans, one request at a time."""

    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        """Send one request and return once its result is known. Never raises for what the other side does."""

    def close(self) -> None:
        """Break off what is under way. May be called from another thread; nothing is sent afterwards."""


class MetricDelivery(Protocol):
    """Sends data points, one request at a time."""

    def send(self, data: MetricsData) -> SendResult:
        """Send one request and return once its result is known. Never raises for what the other side does."""

    def close(self) -> None:
        """Break off what is under way. May be called from another thread; nothing is sent afterwards."""
