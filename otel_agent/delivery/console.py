"""The SDK's console exporters: every span and every point as JSON on standard output, to look at."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import ConsoleSpanExporter

from otel_agent.model import SendResult


class ConsoleSpans:
    def __init__(self) -> None:
        self._output = _standard_output()
        self._exporter = ConsoleSpanExporter(out=self._output)

    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        try:
            self._exporter.export(spans)
        except OSError as error:
            return _not_shown(error)
        return SendResult(accepted=True)

    def close(self) -> None:
        _close(self._output)


class ConsoleMetrics:
    def __init__(self) -> None:
        self._output = _standard_output()
        self._exporter = ConsoleMetricExporter(out=self._output)

    def send(self, data: MetricsData) -> SendResult:
        try:
            self._exporter.export(data)
        except OSError as error:
            return _not_shown(error)
        return SendResult(accepted=True)

    def close(self) -> None:
        _close(self._output)


def _standard_output() -> TextIO:
    """Standard output with a buffer of our own: what a reader that went away leaves in the interpreter's would fail
    again when it ends, and replace the exit code."""
    return open(sys.stdout.fileno(), "w", encoding=sys.stdout.encoding, errors="replace", closefd=False)


def _not_shown(error: OSError) -> SendResult:
    return SendResult(accepted=False, reason=error.strerror or "standard output is closed")


def _close(output: TextIO) -> None:
    with suppress(OSError):
        output.close()
