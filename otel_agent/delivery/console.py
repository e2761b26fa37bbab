"""The SDK's console exporters: every span and every point as JSON on standard output, to look at."""

from collections.abc import Sequence

from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import ConsoleSpanExporter

from otel_agent.model import Receipt


class ConsoleSpans:
    def __init__(self) -> None:
        self._exporter = ConsoleSpanExporter()

    def send(self, spans: Sequence[ReadableSpan]) -> Receipt:
        try:
            self._exporter.export(spans)
        except OSError as error:
            return Receipt(taken=False, reason=error.strerror or "standard output is closed")
        return Receipt(taken=True)

    def close(self) -> None:
        self._exporter.shutdown()


class ConsoleMetrics:
    def __init__(self) -> None:
        self._exporter = ConsoleMetricExporter()

    def send(self, data: MetricsData) -> Receipt:
        try:
            self._exporter.export(data)
        except OSError as error:
            return Receipt(taken=False, reason=error.strerror or "standard output is closed")
        return Receipt(taken=True)

    def close(self) -> None:
        self._exporter.shutdown()
