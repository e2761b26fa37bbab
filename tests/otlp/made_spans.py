"""The spans of one made-up model call, as they are built and as a backend reads them."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.model import Message, Outcome, Session, ToolCall, Turn
from otel_agent.otlp.spans import Tracer
from tests.otlp.made import EMITTER, MESSAGE, SESSION
from tests.support.otlp_receiver.rows import SpanRow, span_rows

CALL = ToolCall("prt_1", "call_74", "bash", Outcome.OK, MESSAGE.created_ms + 500, MESSAGE.created_ms + 900)


def turn_of(message: Message) -> Turn:
    return Turn(message.turn, message.turn, "", message.created_ms)


def built(message: Message = MESSAGE, session: Session = SESSION, *, titles: bool = False) -> ReadableSpan:
    (found,) = Tracer(EMITTER, titles).message_spans(message, session, turn_of(message), ())
    return found


def row(message: Message = MESSAGE, session: Session = SESSION, *, titles: bool = False) -> SpanRow:
    """As a backend reads it."""
    (found,) = span_rows(encode_spans([built(message, session, titles=titles)]))
    return found
