"""Each delivery as the agent builds it, with one small batch to send."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.delivery.choose import FileOptions, deliveries
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.export.generator import Requests, drive
from otel_agent.export.halving import Halving
from otel_agent.export.send_summary import SendSummary
from otel_agent.model import SendResult
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.otlp_receiver.sending import TOKENS, span
from tests.support.otlp_receiver.wire import Signal, Wire

SIGNALS: tuple[Signal, ...] = ("traces", "metrics")
WIRES: tuple[Wire, ...] = ("http", "grpc")
PROTOCOLS = {"http": "http/protobuf", "grpc": "grpc"}
ONE_TRY_SECONDS = 0.75
"""Shorter than the first pause before a retry (0.8 s). Only for exports that no answer ends: a busy machine may need
longer."""
PATIENT_SECONDS = 60.0
"""For exports that an answer ends, however long a busy machine needs for it."""
NO_FILES = FileOptions(folder=Path(os.devnull), max_bytes=1, backups=1)

Send = Callable[[], SendResult]


def in_its_time(send: Send, receiver: OtlpReceiver, late: str) -> tuple[SendResult, int]:
    """Return the result of one export, and its number of requests. While the reason is `late`, the machine was too busy
    for the time of one try, and the export is measured again."""
    give_up = monotonic() + PATIENT_SECONDS
    while True:
        before = len(receiver.requests)
        result = send()
        if result.reason != late or monotonic() > give_up:
            return result, len(receiver.requests) - before


@contextmanager
def sender(
    signal: Signal, options: OtlpOptions, *, exporter: str = "otlp", file: FileOptions = NO_FILES
) -> Iterator[Send]:
    """Yield a function that sends one span, or one point, with each call."""
    chosen: dict[str, str] = {"traces": "none", "metrics": "none", signal: exporter}
    spans, totals = deliveries(traces=chosen["traces"], metrics=chosen["metrics"], otlp=options, file=file)
    if spans is not None:
        yield lambda: spans.send([span()])
        spans.close()
    if totals is not None:
        yield lambda: totals.send(TOKENS)
        totals.close()


def options(wire: Wire, endpoint: str, **more: Any) -> OtlpOptions:
    return OtlpOptions(endpoint=endpoint, protocol=PROTOCOLS[wire], **{"timeout_seconds": PATIENT_SECONDS} | more)


def in_halves(
    spans: Sequence[ReadableSpan],
    send: Callable[[Sequence[ReadableSpan]], SendResult],
    *,
    on_accepted: Callable[[Sequence[ReadableSpan], SendResult], SendSummary],
    on_rejected_alone: Callable[[ReadableSpan], None],
) -> SendSummary:
    """Send spans as the agent does: what is rejected permanently is halved until what is at fault is alone."""

    def request(items: Sequence[ReadableSpan]) -> Requests[Sequence[ReadableSpan], SendResult]:
        result = yield items
        return result

    run = Halving[ReadableSpan, Sequence[ReadableSpan]](
        request, key=id, on_accepted=on_accepted, on_rejected_alone=on_rejected_alone
    )
    return drive(run.send(spans), send)
