"""One ``chat`` span for each model call, with OpenCode's own times.

Ids are derived from OpenCode's: whoever receives a span twice receives the same span.
"""

from hashlib import sha256

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from otel_agent import semconv
from otel_agent.model import Message, Outcome, Session, without_overlap
from otel_agent.semconv import Attr
from otel_agent.signals import dimensions

_NS_PER_MS = 1_000_000


def chat_span(
    message: Message, session: Session, *, resource: Resource, scope: InstrumentationScope, titles: bool
) -> ReadableSpan:
    """The span of one message. ``titles``: with the session's title, which quotes prompts."""
    start_ns = message.created_ms * _NS_PER_MS
    return ReadableSpan(
        name=f"{semconv.CHAT} {message.model}".rstrip(),
        context=SpanContext(trace_id(message), span_id(message.id), is_remote=False, trace_flags=TraceFlags(1)),
        resource=resource,
        attributes=_attributes(message, session, titles),
        kind=SpanKind.CLIENT,
        status=_status(message),
        start_time=start_ns,
        end_time=max(message.ended_ms * _NS_PER_MS, start_ns),
        instrumentation_scope=scope,
    )


def trace_id(message: Message) -> int:
    """One trace for each user turn; a message that names none is a turn of its own."""
    return _derived("trace", message.turn_id or message.id, 16)


def span_id(message_id: str) -> int:
    return _derived("span", message_id, 8)


def _derived(kind: str, text: str, size: int) -> int:
    """The first bytes of a hash; zero, which OTLP forbids, would need 2^64 tries."""
    return int.from_bytes(sha256(f"{kind}\0{text}".encode()).digest()[:size], "big")


def _status(message: Message) -> Status:
    """The type of an error, never its text, which quotes requests."""
    return Status(StatusCode.UNSET) if message.outcome is Outcome.OK else Status(StatusCode.ERROR)


def _attributes(message: Message, session: Session, titles: bool) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {
        **dimensions.of_message(message, subagent=bool(session.parent_id)),
        Attr.OPERATION: semconv.CHAT,
        Attr.CONVERSATION: message.session_id,
        Attr.SESSION: message.session_id,
        Attr.MESSAGE: message.id,
        Attr.OUTCOME: message.outcome.value,
        Attr.COST: message.cost_nusd / semconv.NANO,
        **_usage(message),
    }
    told: dict[str, AttributeValue] = {
        Attr.SESSION_PARENT: session.parent_id,
        Attr.PROJECT_DIRECTORY: dimensions.from_home(message.project_directory),
        Attr.FINISH_REASONS: (message.finish,) if message.finish else (),
        Attr.ERROR_TYPE: message.error_type,
        Attr.COMPACTION: message.compaction,
        Attr.SESSION_TITLE: session.title if titles else "",
    }
    return found | {key: value for key, value in told.items() if value}


def _usage(message: Message) -> dict[str, AttributeValue]:
    """OTel's numbers, in which input holds the cached tokens and output the reasoning, and those OpenCode recorded."""
    tokens = without_overlap(message.tokens, message.overlap)
    return {
        Attr.USAGE_INPUT: tokens.input + tokens.cache_read + tokens.cache_write,
        Attr.USAGE_OUTPUT: tokens.output + tokens.reasoning,
        Attr.USAGE_REASONING: tokens.reasoning,
        Attr.USAGE_CACHE_READ: tokens.cache_read,
        Attr.USAGE_CACHE_WRITE: tokens.cache_write,
        **dict(zip(Attr.RECORDED, message.tokens.each(), strict=True)),
    }
