"""Writes every span and every point as JSON to standard output, with the SDK's console exporters."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import ConsoleSpanExporter

from otel_agent.model import SendResult


class ConsoleSpans:
    """Shows spans. They count as accepted once they are written."""

    def __init__(self) -> None:
        self._output = _standard_output()
        self._exporter = ConsoleSpanExporter(out=self._output)

    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        """Write the spans. A reader that went away is a failure like any other."""
        try:
            self._exporter.export(spans)
        except OSError as error:
            return _not_shown(error)
        return SendResult(accepted=True)

    def close(self) -> None:
        """Flush, if anybody still reads."""
        _close(self._output)


class ConsoleMetrics:
    """Shows data points. They count as accepted once they are written."""

    def __init__(self) -> None:
        self._output = _standard_output()
        self._exporter = ConsoleMetricExporter(out=self._output)

    def send(self, data: MetricsData) -> SendResult:
        """Write the points. A reader that went away is a failure like any other."""
        try:
            self._exporter.export(data)
        except OSError as error:
            return _not_shown(error)
        return SendResult(accepted=True)

    def close(self) -> None:
        """Flush, if anybody still reads."""
        _close(self._output)


def _standard_output() -> TextIO:
    """Return standard output with a buffer of our own.

    If a reader went away, what is left in the interpreter's buffer would fail again at exit and change the exit code.
    """
    return open(sys.stdout.fileno(), "w", encoding=sys.stdout.encoding, errors="replace", closefd=False)


def _not_shown(error: OSError) -> SendResult:
    return SendResult(accepted=False, reason=error.strerror or "standard output is closed")


def _close(output: TextIO) -> None:
    with suppress(OSError):
        output.close()
