"""The keys of the series that a message raises: metric name, and attributes as JSON.

Making the JSON takes longer than adding up a message, and the next batch has messages of the same kind. So the keys are
remembered, by everything that they are made from.
"""

from functools import lru_cache
from typing import Final

from msgspec import Struct

from otel_agent import semconv
from otel_agent.model import EndedTurn, Generation, Message, Outcome, ToolCall, UsageSource
from otel_agent.model.project import project_name
from otel_agent.semconv import Metric
from otel_agent.semconv.attributes import CHAT, TOKEN_TYPES, Attr
from otel_agent.series.attributes import (
    attributes_of,
    joined,
    lines_attributes,
    members,
    session_attributes,
    to_json,
    tool_call_attributes,
    tool_duration_attributes,
    tool_error,
    tool_repeat_attributes,
    turn_attributes,
)

SeriesKey = tuple[str, str]
"""Metric name, and attributes as JSON."""

UsageKeys = tuple[SeriesKey, ...]
"""The series of tokens in the order of ``TOKEN_TYPES``, and of cost."""

_Origin = tuple[str, str, str, str, bool]
"""Provider, model, agent, name of the project, and whether it is a sub-agent: what ``attributes_of`` is made from."""

_REMEMBERED: Final = 1024
"""About 4 MB if all are in use. Nobody has as many models, agents and projects at once."""

_CALL: Final = members({Attr.OPERATION: CHAT})
_MODALITY: Final = members({Attr.MODALITY: "unknown"})
"""OpenCode does not record the modality."""
_TYPES: Final = [member for type_ in TOKEN_TYPES for member in members({Attr.TOKEN_TYPE: type_})]
_SOURCES: Final = {source: members({Attr.USAGE_SOURCE: source.name.lower()})[0] for source in UsageSource}
_USAGE_METRICS: Final = (
    semconv.INPUT_TOKENS,
    semconv.OUTPUT_TOKENS,
    semconv.CACHE_READ_TOKENS,
    semconv.CACHE_WRITE_TOKENS,
    semconv.REASONING_TOKENS,
)


class CallKeys(Struct, frozen=True):
    """The series of a model call, by OpenTelemetry's conventions."""

    usage: tuple[SeriesKey, ...]
    """Input, output, read from a cache, written to a cache, reasoning."""
    input_sizes: SeriesKey
    output_sizes: SeriesKey
    durations: tuple[SeriesKey, ...]
    first_outputs: SeriesKey


class MessageKeys(Struct, frozen=True):
    """All series that one message can raise, those of its session excepted."""

    usage: UsageKeys
    messages: tuple[SeriesKey, SeriesKey]
    """Those that count the message itself: by its origin, and by the form of storage."""
    sessions: SeriesKey
    calls: CallKeys


def message_keys(message: Message, *, subagent: bool) -> MessageKeys:
    """Return the series of all messages with the same attributes."""
    return _message_keys(
        _origin(message, subagent), message.source, message.generation, message.outcome, message.error_type
    )


def session_keys(message: Message, *, subagent: bool) -> UsageKeys:
    """Return the series of the message's session."""
    return _session_keys(_origin(message, subagent), message.source, message.session_id)


def tool_call_key(message: Message, call: ToolCall) -> SeriesKey:
    """Return the series that counts such calls."""
    return _tool_call_key(call.tool, call.outcome, project_name(message.project_directory))


def tool_duration_key(message: Message, call: ToolCall) -> SeriesKey:
    """Return the series of the durations of such calls."""
    return _tool_duration_key(call.tool, message.agent, call.outcome, project_name(message.project_directory))


def turn_duration_key(turn: EndedTurn) -> SeriesKey:
    """Return the series of the durations of such turns."""
    last = turn.last
    return _turn_duration_key(last.agent, turn.subagent, last.error_type, project_name(last.project_directory))


def tool_repeat_key(message: Message, call: ToolCall) -> SeriesKey:
    """Return the series that counts such calls if they are a loop."""
    project = project_name(message.project_directory)
    return semconv.TOOL_REPEAT_COUNT.name, to_json(tool_repeat_attributes(call.tool, project))


def lines_keys(project_directory: str) -> tuple[SeriesKey, SeriesKey]:
    """Return the series that count added and removed lines of a project."""
    project = project_name(project_directory)
    added, removed = (to_json(lines_attributes(kind, project)) for kind in ("added", "removed"))
    return (semconv.LINES_COUNT.name, added), (semconv.LINES_COUNT.name, removed)


def problem_key(kind: str) -> SeriesKey:
    """Return the series that counts problems of this kind."""
    return semconv.UNREADABLE_COUNT.name, to_json({Attr.PROBLEM: kind})


def _origin(message: Message, subagent: bool) -> _Origin:
    return message.provider, message.model, message.agent, project_name(message.project_directory), subagent


@lru_cache(maxsize=_REMEMBERED)
def _message_keys(
    origin: _Origin, source: UsageSource, generation: Generation, outcome: Outcome, error_type: str
) -> MessageKeys:
    attributes = attributes_of(*origin)
    shared = members(attributes)
    return MessageKeys(
        usage=_usage_keys(semconv.TOKEN_USAGE, semconv.COST_USAGE, shared, source),
        messages=(
            (semconv.MESSAGE_COUNT.name, joined([*shared, *members({Attr.OUTCOME: outcome.value})])),
            (semconv.INGESTED_COUNT.name, to_json({Attr.SOURCE: generation.value})),
        ),
        sessions=(semconv.SESSION_COUNT.name, to_json(session_attributes(attributes))),
        calls=_call_keys([*shared, *_CALL], error_type),
    )


@lru_cache(maxsize=_REMEMBERED)
def _session_keys(origin: _Origin, source: UsageSource, session_id: str) -> UsageKeys:
    shared = members({**attributes_of(*origin), Attr.SESSION: session_id})
    return _usage_keys(semconv.SESSION_TOKEN_USAGE, semconv.SESSION_COST_USAGE, shared, source)


@lru_cache(maxsize=_REMEMBERED)
def _tool_call_key(tool: str, outcome: Outcome, project: str) -> SeriesKey:
    return semconv.TOOL_CALL_COUNT.name, to_json(tool_call_attributes(tool, outcome, project))


@lru_cache(maxsize=_REMEMBERED)
def _tool_duration_key(tool: str, agent: str, outcome: Outcome, project: str) -> SeriesKey:
    attributes = tool_duration_attributes(tool, agent, tool_error(outcome), project)
    return semconv.EXECUTE_TOOL_DURATION.name, to_json(attributes)


@lru_cache(maxsize=_REMEMBERED)
def _turn_duration_key(agent: str, subagent: bool, error_type: str, project: str) -> SeriesKey:
    return semconv.INVOKE_AGENT_DURATION.name, to_json(turn_attributes(agent, subagent, error_type, project))


def _usage_keys(tokens: Metric, cost: Metric, shared: list[str], source: UsageSource) -> UsageKeys:
    of_source = [*shared, _SOURCES[source]]
    return *((tokens.name, joined([*of_source, type_])) for type_ in _TYPES), (cost.name, joined(of_source))


def _call_keys(call: list[str], error_type: str) -> CallKeys:
    usage, duration = joined([*call, *_MODALITY]), joined([*call, *_error(error_type)])
    input_type, output_type, *_ = _TYPES
    return CallKeys(
        usage=tuple((metric.name, usage) for metric in _USAGE_METRICS),
        input_sizes=(semconv.LEGACY_TOKEN_USAGE.name, joined([*call, input_type])),
        output_sizes=(semconv.LEGACY_TOKEN_USAGE.name, joined([*call, output_type])),
        durations=tuple((metric.name, duration) for metric in (semconv.INFERENCE_DURATION, semconv.LEGACY_DURATION)),
        first_outputs=(semconv.TIME_TO_FIRST_CHUNK.name, joined(call)),
    )


def _error(error_type: str) -> list[str]:
    return members({Attr.ERROR_TYPE: error_type}) if error_type else []
