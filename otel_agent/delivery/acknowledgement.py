"""What a backend's answer says: an OTLP acknowledgement, a partial success, or something that only looks like one."""

import json
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_agent.delivery.foreign_text import one_line
from otel_agent.model import SendResult

MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer's body that are read; an OTLP one has a few hundred."""
ENDLESS: Final = "an endless answer instead of an acknowledgement"
Acknowledgement = type[ExportTraceServiceResponse] | type[ExportMetricsServiceResponse]
"""The message that a backend answers a signal with."""
_PROTOBUF: Final = ("application/x-protobuf", "application/protobuf")
_OTLP_KINDS: Final = (*_PROTOBUF, "application/json")
_WITHOUT_BODY: Final = (204, 205)
"""Statuses that say "no content", whatever kind a program adds to each of its answers."""


def judge(status: int, kind: str, body: bytes | None, response: Acknowledgement, *, accept_any_2xx: bool) -> SendResult:
    """Return the result of an HTTP answer below 400. ``body`` is ``None`` if it cannot be unpacked.

    An empty body is an acknowledgement, unless the answer says that it is of another kind. A page of HTML is none.
    Something that answers 2xx, but not as a backend does, may still have kept the request. One that answers 3xx has not.
    """
    kind = kind.partition(";")[0].strip().lower()
    if not 200 <= status < 300:
        return SendResult(
            accepted=False, reason=f"HTTP {status} instead of an acknowledgement (a redirect or a portal?)"
        )
    if body is not None and len(body) > MAX_ANSWER:
        return _unclear(ENDLESS)
    empty = body == b"" and (kind in ("", *_OTLP_KINDS) or status in _WITHOUT_BODY)
    if empty or (accept_any_2xx and kind not in _OTLP_KINDS):
        return SendResult(accepted=True)
    if body is None:
        return _unclear("an answer that cannot be unpacked")
    try:
        if kind in _PROTOBUF:
            return partial_success(response.FromString(body).partial_success)
        if kind == "application/json":
            return _partial_json(json.loads(body))
    # json.loads recurses, and int() of what a stranger wrote fails in several ways.
    except (DecodeError, ValueError, TypeError, OverflowError, RecursionError):
        return _unclear(f"an answer that is not the {kind} it says it is")
    return _unclear(f"an answer of type {one_line(kind, 'unknown')} instead of an acknowledgement (a portal?)")


def partial_success(partial: Any) -> SendResult:
    """Return the result of a protobuf answer. A message without rejected items is only a warning, and is dropped."""
    rejected = max(getattr(partial, "rejected_spans", 0) or getattr(partial, "rejected_data_points", 0), 0)
    return SendResult(accepted=True, rejected=rejected, reason=one_line(partial.error_message) if rejected else "")


def _unclear(reason: str) -> SendResult:
    return SendResult(accepted=False, reason=reason, unanswered=True)


def _partial_json(content: object) -> SendResult:
    """Return the result of a JSON answer. Raises ``ValueError`` or the like for numbers that are none."""
    if not isinstance(content, dict):
        return _unclear("a JSON answer that is no object instead of an acknowledgement")
    partial = content.get("partialSuccess")
    if not isinstance(partial, dict):
        return SendResult(accepted=True)
    # Protobuf's JSON writes 64-bit integers as strings.
    rejected = max(int(partial.get("rejectedSpans") or partial.get("rejectedDataPoints") or 0), 0)
    reason = one_line(str(partial.get("errorMessage", ""))) if rejected else ""
    return SendResult(accepted=True, rejected=rejected, reason=reason)
