"""The exporter ``none``: counts go on locally, nothing is sent, and nothing is kept for sending later."""

from collections.abc import Sequence

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.model import Receipt


class Nowhere:
    def send(self, _: Sequence[ReadableSpan] | MetricsData) -> Receipt:
        return Receipt(taken=True)

    def close(self) -> None:
        """Nothing is open."""
