"""Answers of backends, and of what answers in their place, to a request over HTTP."""

from __future__ import annotations

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_agent.delivery import retry
from otel_agent.delivery.acknowledgement import judge
from otel_agent.model import SendResult


def is_judged(raw: bytes) -> None:
    """Claim that any answer is a yes or a no with a reason that a terminal can show, and never an exception.

    The record is a line with status and type of content, and the body.
    """
    head, _, body = raw.partition(b"\n")
    written, _, kind = head.decode("latin-1").partition(" ")
    status = int(written) if written.isdecimal() and written.isascii() and len(written) == 3 else 200
    for response in (ExportTraceServiceResponse, ExportMetricsServiceResponse):
        if status >= 400:
            result = retry.http_failure(status, "Made")
        else:
            result = judge(status, kind, body, response, accept_any_2xx=False)
        _is_consistent(result)


def _is_consistent(result: SendResult) -> None:
    assert result.accepted or result.reason
    assert not (result.accepted and (result.permanent or result.unanswered))
    assert not (result.permanent and result.unanswered)
    assert result.rejected >= 0
    assert bool(result.rejected) <= result.accepted
    assert result.reason.isprintable()
    assert len(result.reason) <= 400
