"""Each way out as the agent builds it, with one small batch to send."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from otel_agent.delivery.choose import FileOptions, deliveries
from otel_agent.delivery.options import OtlpOptions
from otel_agent.model import Receipt
from tests.otlp_receiver import OtlpReceiver
from tests.otlp_receiver.sending import TOKENS, span
from tests.otlp_receiver.wire import Signal, Wire

SIGNALS: tuple[Signal, ...] = ("traces", "metrics")
WIRES: tuple[Wire, ...] = ("http", "grpc")
PROTOCOLS = {"http": "http/protobuf", "grpc": "grpc"}
ONE_TRY_SECONDS = 0.75
"""Shorter than the first pause before a retry (0.8 s). Only for what no answer ends: a busy machine may need longer."""
PATIENT_SECONDS = 60.0
"""For what an answer ends, however long a busy machine needs for it."""
NO_FILES = FileOptions(folder=Path(os.devnull), max_bytes=1, backups=1)

Send = Callable[[], Receipt]


def in_its_time(send: Send, receiver: OtlpReceiver, late: str) -> tuple[Receipt, int]:
    """Return what one export comes to, and its number of requests. While the reason is `late`, because the machine was too
    busy for the time that one try has, it is measured again."""
    give_up = monotonic() + PATIENT_SECONDS
    while True:
        before = len(receiver.requests)
        receipt = send()
        if receipt.reason != late or monotonic() > give_up:
            return receipt, len(receiver.requests) - before


@contextmanager
def sender(
    signal: Signal, options: OtlpOptions, *, exporter: str = "otlp", file: FileOptions = NO_FILES
) -> Iterator[Send]:
    """Hands over one span, or one point, with each call."""
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
