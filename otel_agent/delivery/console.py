"""Writes every span and every point as JSON to standard output, with the SDK's console exporters."""

import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TextIO

from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import ConsoleSpanExporter

from otel_agent.delivery.encoding import NotEncodable
from otel_agent.delivery.ports import NOTHING_SENT
from otel_agent.model import SendResult

_ONE_AT_A_TIME: Final = threading.Lock()
"""Both signals write to the same output, each from a thread of its own."""


class ConsoleSpans:
    """Shows spans. They count as accepted once they are written."""

    def __init__(self) -> None:
        self._output = _standard_output()
        self._exporter = ConsoleSpanExporter(out=self._output)

    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        """Write the spans. A reader that went away is a failure like any other."""
        return _shown(self._output, lambda: "".join(self._exporter.formatter(span) for span in spans))

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
        return _shown(self._output, lambda: self._exporter.formatter(data))

    def close(self) -> None:
        """Flush, if anybody still reads."""
        _close(self._output)


def _standard_output() -> TextIO:
    """Return standard output with a buffer of our own.

    If a reader went away, what is left in the interpreter's buffer would fail again at exit and change the exit code.
    """
    return open(sys.stdout.fileno(), "w", encoding=sys.stdout.encoding, errors="replace", closefd=False)


def _shown(output: TextIO, text: Callable[[], str]) -> SendResult:
    if output.closed:
        return NOTHING_SENT
    try:
        # All of it before any of it is written: what is rejected is sent again in halves.
        whole = text()
    except Exception as error:  # noqa: BLE001 - a value that nobody can show must not end the thread that delivers
        return NotEncodable(error).result
    try:
        with _ONE_AT_A_TIME:
            output.write(whole)
            output.flush()
    except OSError as error:
        return SendResult(accepted=False, reason=f"{error.strerror or 'closed'}: standard output")
    return SendResult(accepted=True)


def _close(output: TextIO) -> None:
    with suppress(OSError):
        output.close()
