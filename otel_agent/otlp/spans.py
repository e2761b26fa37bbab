"""A user turn as a trace, with OpenCode's own times::

    invoke_agent build               the turn: a question and all that answered it
    ├── chat claude-sonnet-4-5       each model call
    ├── execute_tool bash            each tool call
    ├── execute_tool task
    │   └── invoke_agent explore     a sub-agent's turn, below the call that began it
    │       └── chat …
    └── chat claude-sonnet-4-5

Ids are derived from OpenCode's: whoever receives a span twice receives the same span. What models were asked and
answered, and what went into tools and came out, is in none of them.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from msgspec import Struct
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from otel_agent import semconv
from otel_agent.model import Message, Outcome, Session, ToolCall, Turn, without_overlap
from otel_agent.model.project import from_home
from otel_agent.semconv import Attr
from otel_agent.series.attributes import message_attributes

_NS_PER_MS: Final = 1_000_000
_ERROR_OF_CALL: Final = {Outcome.ERROR: semconv.TOOL_ERROR, Outcome.ABORTED: semconv.TOOL_ABORTED}


class Tracer(Struct, frozen=True):
    """Who is speaking, and whether session titles, which quote prompts, may be told."""

    resource: Resource
    scope: InstrumentationScope
    titles: bool

    def of_message(
        self, message: Message, session: Session, turn: Turn, calls: tuple[ToolCall, ...]
    ) -> Iterator[ReadableSpan]:
        """The model call, where there was one, and each tool call."""
        if message.calls_model:
            yield self._span(
                name=f"{semconv.CHAT} {message.model}".rstrip(),
                kind=SpanKind.CLIENT,
                own_id=span_id(message.id),
                parent_id=turn_span_id(turn),
                turn=turn,
                attributes=_chat(message, session, self.titles),
                failed=message.outcome is not Outcome.OK,
                times=(message.created_ms, message.ended_ms),
            )
        for call in calls:
            yield self._span(
                name=f"{semconv.EXECUTE_TOOL} {call.tool}",
                kind=SpanKind.INTERNAL,
                own_id=span_id(call.id),
                parent_id=turn_span_id(turn),
                turn=turn,
                attributes=_tool(call, message, session),
                failed=call.outcome is not Outcome.OK,
                times=(call.started_ms, call.ended_ms),
            )

    def of_turn(self, last: Message, session: Session, turn: Turn) -> ReadableSpan:
        """The turn, which ended as its ``last`` message did. Without tokens: backends add those up over spans, and the
        model calls have them."""
        return self._span(
            name=f"{semconv.INVOKE_AGENT} {last.agent}".rstrip(),
            kind=SpanKind.INTERNAL,
            own_id=turn_span_id(turn),
            parent_id=span_id(turn.caller) if turn.caller else None,
            turn=turn,
            attributes=_turn(last, session, self.titles),
            failed=last.outcome is not Outcome.OK,
            times=(turn.started_ms, last.ended_ms),
        )

    def _span(
        self,
        *,
        name: str,
        kind: SpanKind,
        own_id: int,
        parent_id: int | None,
        turn: Turn,
        attributes: dict[str, AttributeValue],
        failed: bool,
        times: tuple[int, int],
    ) -> ReadableSpan:
        trace, start_ns, end_ns = trace_id(turn), times[0] * _NS_PER_MS, times[1] * _NS_PER_MS
        return ReadableSpan(
            name=name,
            context=_context(trace, own_id),
            parent=None if parent_id is None else _context(trace, parent_id),
            resource=self.resource,
            attributes=attributes,
            kind=kind,
            # The type of an error stands in the attributes; never its text, which quotes requests.
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=start_ns,
            end_time=max(end_ns, start_ns),
            instrumentation_scope=self.scope,
        )


def trace_id(turn: Turn) -> int:
    """One trace for what a person asked once, with all that sub-agents did for it."""
    return _derived("trace", turn.trace, 16)


def turn_span_id(turn: Turn) -> int:
    return _derived("turn", turn.id, 8)


def span_id(of: str) -> int:
    """By the id of a message, or of the part that records a tool call."""
    return _derived("span", of, 8)


def _derived(kind: str, text: str, size: int) -> int:
    """The first bytes of a hash; zero, which OTLP forbids, would need 2^64 tries."""
    return int.from_bytes(sha256(f"{kind}\0{text}".encode()).digest()[:size], "big")


def _context(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(1))


def _chat(message: Message, session: Session, titles: bool) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {
        **message_attributes(message, subagent=bool(session.parent_id)),
        **_of_session(message, session, titles),
        Attr.OPERATION: semconv.CHAT,
        Attr.MESSAGE: message.id,
        Attr.OUTCOME: message.outcome.value,
        Attr.COST: message.cost_nusd / semconv.NANO,
        **_usage(message),
    }
    return found | _marks(message) | ({Attr.FINISH_REASONS: (message.finish,)} if message.finish else {})


def _tool(call: ToolCall, message: Message, session: Session) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {
        **_where(message, session),
        **_of_session(message, session, titles=False),
        Attr.OPERATION: semconv.EXECUTE_TOOL,
        Attr.TOOL: call.tool,
        Attr.MESSAGE: message.id,
        Attr.TOOL_OUTCOME: call.outcome.value,
    }
    told = {Attr.TOOL_CALL: call.call_id, Attr.ERROR_TYPE: _ERROR_OF_CALL.get(call.outcome, "")}
    return found | {key: value for key, value in told.items() if value}


def _turn(last: Message, session: Session, titles: bool) -> dict[str, AttributeValue]:
    return {
        **message_attributes(last, subagent=bool(session.parent_id)),
        **_of_session(last, session, titles),
        Attr.OPERATION: semconv.INVOKE_AGENT,
        Attr.OUTCOME: last.outcome.value,
        **_marks(last),
    }


def _where(message: Message, session: Session) -> dict[str, AttributeValue]:
    """Agent and project, without the model, which called no tool by itself."""
    all_of_it = message_attributes(message, subagent=bool(session.parent_id))
    return {key: value for key, value in all_of_it.items() if key not in (Attr.PROVIDER, Attr.MODEL)}


def _of_session(message: Message, session: Session, titles: bool) -> dict[str, AttributeValue]:
    told = {
        Attr.CONVERSATION: message.session_id,
        Attr.SESSION: message.session_id,
        Attr.SESSION_PARENT: session.parent_id,
        Attr.PROJECT_DIRECTORY: from_home(message.project_directory),
        Attr.SESSION_TITLE: session.title if titles else "",
    }
    return {key: value for key, value in told.items() if value}


def _marks(message: Message) -> dict[str, AttributeValue]:
    error: dict[str, AttributeValue] = {Attr.ERROR_TYPE: message.error_type} if message.error_type else {}
    return error | ({Attr.COMPACTION: True} if message.compaction else {})


def _usage(message: Message) -> dict[str, AttributeValue]:
    """OTel's numbers, in which input holds the cached tokens and output the reasoning, and those OpenCode recorded."""
    tokens = without_overlap(message.tokens, message.overlap)
    return {
        Attr.USAGE_INPUT: tokens.input + tokens.cache_read + tokens.cache_write,
        Attr.USAGE_OUTPUT: tokens.output + tokens.reasoning,
        Attr.USAGE_REASONING: tokens.reasoning,
        Attr.USAGE_CACHE_READ: tokens.cache_read,
        Attr.USAGE_CACHE_WRITE: tokens.cache_write,
        **dict(zip(Attr.RECORDED, message.tokens.by_category(), strict=True)),
    }
