"""Turns a user turn into a trace, with OpenCode's own times::

    invoke_agent build               the turn: a question and everything that answered it
    ├── chat claude-sonnet-4-5       each model call
    ├── execute_tool bash            each tool call
    ├── execute_tool task
    │   └── invoke_agent explore     a sub-agent's turn, below the call that began it
    │       └── chat …
    └── chat claude-sonnet-4-5

Ids are derived from OpenCode's, so a span that is sent twice is the same span. No span contains a prompt, an answer, or
what went into a tool and came out.
"""

import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Final

from msgspec import Struct
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from otel_agent import semconv
from otel_agent.model import Message, Outcome, Session, ToolCall, Turn, without_overlap
from otel_agent.model.project import from_home
from otel_agent.opencode.git.checkouts import Checkouts
from otel_agent.otlp.resource import Emitter
from otel_agent.otlp.times import of_span
from otel_agent.semconv.attributes import CHAT, EXECUTE_TOOL, FINISHED_BY_ERROR, FUNCTION, INVOKE_AGENT, Attr
from otel_agent.series.attributes import message_attributes, tool_error

_NS_PER_MS: Final = 1_000_000
_RECENT: Final = 64
"""Ids and contexts that are kept: all spans of a turn have its trace and its parent, and they come one after the other."""


class Tracer(Struct, frozen=True):
    """Builds spans from the ledger's records. ``titles`` puts session titles, which quote prompts, on them."""

    emitter: Emitter
    titles: bool
    cache_write: tuple[str, ...] = (Attr.USAGE_CACHE_WRITE,)
    """The names that the tokens written to a cache have: they differ between versions of the GenAI conventions."""
    now_ns: Callable[[], int] = time.time_ns
    checkouts: Checkouts | None = None
    """Knows the repository and the branch of each span; ``None`` if spans shall not carry them."""

    def message_spans(
        self, message: Message, session: Session, turn: Turn, calls: tuple[ToolCall, ...], *, compacted: bool = False
    ) -> Iterator[ReadableSpan]:
        """Yield the span of the model call, if there was one, and those of the tool calls.

        ``compacted`` says that the session was compacted before this call.
        """
        shared = message_attributes(message, subagent=bool(session.parent_id))
        if message.calls_model:
            yield self._span(
                name=f"{CHAT} {message.model}".rstrip(),
                kind=SpanKind.CLIENT,
                own_id=span_id(message.id),
                parent_id=turn_span_id(turn),
                turn=turn,
                attributes=shared
                | self._chat_attributes(message, session, compacted=compacted)
                | self._vcs_attributes(message, message.created_ms),
                failed=message.outcome is not Outcome.OK,
                times=(message.created_ms, message.call_ended_ms),
            )
        if calls:
            # Tools run without the model that asked for them: it is left out.
            shared = {key: value for key, value in shared.items() if key not in (Attr.PROVIDER, Attr.MODEL)}
        for call in calls:
            yield self._span(
                name=f"{EXECUTE_TOOL} {call.tool}",
                kind=SpanKind.INTERNAL,
                own_id=span_id(call.id),
                parent_id=turn_span_id(turn),
                turn=turn,
                attributes=shared
                | _tool_attributes(call, message, session)
                | self._vcs_attributes(message, call.started_ms),
                failed=call.outcome is not Outcome.OK,
                times=(call.started_ms, call.ended_ms),
            )

    def turn_span(self, last: Message, session: Session, turn: Turn) -> ReadableSpan:
        """Return the span of a turn, which ended as its ``last`` message did.

        It has no tokens: backends add those up over spans, and the model calls have them.
        """
        shared = message_attributes(last, subagent=bool(session.parent_id))
        # A turn is no request to a provider, and its calls can have several.
        shared.pop(Attr.PROVIDER, None)
        return self._span(
            name=f"{INVOKE_AGENT} {last.agent}".rstrip(),
            kind=SpanKind.INTERNAL,
            own_id=turn_span_id(turn),
            parent_id=_parent_of(turn),
            turn=turn,
            attributes=shared
            | _turn_attributes(last, session, self.titles)
            | self._vcs_attributes(last, turn.started_ms),
            failed=last.outcome is not Outcome.OK,
            times=(turn.started_ms, last.ended_ms),
        )

    def _chat_attributes(self, message: Message, session: Session, *, compacted: bool) -> dict[str, AttributeValue]:
        # The conventions want this attribute only if it is true.
        context: dict[str, AttributeValue] = {Attr.COMPACTED: True} if compacted else {}
        return {
            **_session_attributes(message, session, self.titles),
            Attr.OPERATION: CHAT,
            Attr.MESSAGE: message.id,
            Attr.OUTCOME: message.outcome.value,
            Attr.COST: message.cost_nusd / semconv.NANO,
            **_usage_attributes(message, self.cache_write),
            **_error_and_compaction(message),
            **_request_attributes(message),
            **_finish_attributes(message),
            **context,
        }

    def _vcs_attributes(self, message: Message, began_ms: int) -> dict[str, AttributeValue]:
        """Return the repository, and the branch at the begin of a span. They are looked up at each export of it."""
        if self.checkouts is None:
            return {}
        found = self.checkouts.of(message, began_ms)
        return _without_empty({Attr.REPOSITORY: found.repository, Attr.BRANCH: found.branch})

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
        trace = trace_id(turn)
        start_ns, end_ns = of_span(times[0] * _NS_PER_MS, times[1] * _NS_PER_MS, self.now_ns())
        return ReadableSpan(
            name=name,
            context=_context(trace, own_id),
            parent=None if parent_id is None else _context(trace, parent_id),
            resource=self.emitter.resource,
            attributes=attributes,
            kind=kind,
            # The attributes hold the type of an error. Its text quotes requests, and never leaves the machine.
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=start_ns,
            end_time=end_ns,
            instrumentation_scope=self.emitter.scope,
        )


def trace_id(turn: Turn) -> int:
    """Return the id of the trace: one for what a person asked once, with all that sub-agents did for it."""
    return _derived("trace", turn.trace, 16)


def turn_span_id(turn: Turn) -> int:
    """Return the id of the turn's own span."""
    return _derived("turn", turn.id, 8)


def _parent_of(turn: Turn) -> int | None:
    if turn.goes_on_with:
        return _derived("turn", turn.goes_on_with, 8)
    return span_id(turn.caller) if turn.caller else None


def span_id(opencode_id: str) -> int:
    """Return the span's id for the id of a message, or of the part that records a tool call."""
    return _derived("span", opencode_id, 8)


@lru_cache(maxsize=_RECENT)
def _derived(kind: str, text: str, size: int) -> int:
    """Return the first bytes of a hash. Zero, which OTLP forbids, would need 2^64 tries."""
    return int.from_bytes(sha256(f"{kind}\0{text}".encode()).digest()[:size], "big")


@lru_cache(maxsize=_RECENT)
def _context(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(1))


def _finish_attributes(message: Message) -> dict[str, AttributeValue]:
    """Return why the model ended. A call that broke down has ended by an error, if it does not say more."""
    reason = message.finish or ("" if message.outcome is Outcome.OK else FINISHED_BY_ERROR)
    return {Attr.FINISH_REASONS: (reason,)} if reason else {}


def _request_attributes(message: Message) -> dict[str, AttributeValue]:
    """Return what is known of the request. A series for each of these values would be too many, so no metric has them."""
    known: dict[str, AttributeValue] = _without_empty({Attr.REASONING_LEVEL: message.variant})
    if message.first_output_ms is not None:
        known[Attr.FIRST_CHUNK] = max(message.first_output_ms - message.created_ms, 0) / semconv.MILLI
    if message.retries:
        known[Attr.RETRIES] = message.retries
    return known


def _tool_attributes(call: ToolCall, message: Message, session: Session) -> dict[str, AttributeValue]:
    known = _without_empty({Attr.TOOL_CALL: call.call_id, Attr.ERROR_TYPE: tool_error(call.outcome)})
    return {
        # Titles are on model calls and turns only.
        **_session_attributes(message, session, titles=False),
        Attr.OPERATION: EXECUTE_TOOL,
        Attr.TOOL: call.tool,
        Attr.TOOL_TYPE: FUNCTION,
        Attr.MESSAGE: message.id,
        Attr.TOOL_OUTCOME: call.outcome.value,
        **known,
    }


def _turn_attributes(last: Message, session: Session, titles: bool) -> dict[str, AttributeValue]:
    return {
        **_session_attributes(last, session, titles),
        Attr.OPERATION: INVOKE_AGENT,
        Attr.OUTCOME: last.outcome.value,
        **_error_and_compaction(last),
    }


def _session_attributes(message: Message, session: Session, titles: bool) -> dict[str, AttributeValue]:
    return _without_empty(
        {
            Attr.CONVERSATION: message.session_id,
            Attr.SESSION: message.session_id,
            Attr.SESSION_PARENT: session.parent_id,
            Attr.PROJECT_DIRECTORY: from_home(message.project_directory),
            Attr.SESSION_TITLE: session.title if titles else "",
        }
    )


def _error_and_compaction(message: Message) -> dict[str, AttributeValue]:
    error: dict[str, AttributeValue] = {Attr.ERROR_TYPE: message.error_type} if message.error_type else {}
    return error | ({Attr.COMPACTION: True} if message.compaction else {})


def _usage_attributes(message: Message, cache_write: tuple[str, ...]) -> dict[str, AttributeValue]:
    """Return OpenTelemetry's numbers, and beside them those that OpenCode recorded.

    OpenTelemetry's input contains the cached tokens, its output the reasoning.
    """
    tokens = without_overlap(message.tokens, message.overlap)
    return {
        Attr.USAGE_INPUT: tokens.input + tokens.cache_read + tokens.cache_write,
        Attr.USAGE_OUTPUT: tokens.output + tokens.reasoning,
        Attr.USAGE_REASONING: tokens.reasoning,
        Attr.USAGE_CACHE_READ: tokens.cache_read,
        **dict.fromkeys(cache_write, tokens.cache_write),
        **dict(zip(Attr.RECORDED, message.tokens.by_category(), strict=True)),
    }


def _without_empty(attributes: dict[str, str]) -> dict[str, AttributeValue]:
    return {key: value for key, value in attributes.items() if value}
