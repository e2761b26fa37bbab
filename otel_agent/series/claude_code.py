"""The series under which dashboards made for Claude Code find OpenCode's usage.

Each is a series of ours under another name, with all its attributes and those that such dashboards ask for. So the sums
are the same to the unit, and no two series of ours become one.
Names, units and attributes: Claude Code's page on monitoring, read in November 2026. It has no type for reasoning:
its output contains it, so both of ours have the type ``output``.
"""

from collections.abc import Iterator
from typing import Final

from otel_agent import semconv
from otel_agent.model import UsageSource
from otel_agent.semconv.attributes import Attr
from otel_agent.series.attributes import AttributeValue, agent_kind, from_json, to_json
from otel_agent.series.keys import SeriesKey

_TYPES: Final = {
    "input": "input",
    "output": "output",
    "reasoning": "output",
    "cache_read": "cacheRead",
    "cache_write": "cacheCreation",
}
_PERSON: Final = agent_kind(subagent=False)
_QUERY_SOURCES: Final = {_PERSON: "main", agent_kind(subagent=True): "subagent"}
_AUXILIARY: Final = "auxiliary"
"""Claude Code's word for calls beside the conversation: titles, summaries."""


LINES: Final = (semconv.LINES_COUNT.name,)
"""The metric of ours whose series belong to no session, and so are published for ever."""


def sources(*, by_session: bool) -> tuple[str, ...]:
    """Return the metrics of ours whose series have a counterpart: those of single sessions, or those without."""
    if by_session:
        return semconv.SESSION_TOKEN_USAGE.name, semconv.SESSION_COST_USAGE.name
    return semconv.TOKEN_USAGE.name, semconv.COST_USAGE.name, semconv.SESSION_COUNT.name


def counterparts(metric: str, attributes: str, value: int) -> Iterator[tuple[SeriesKey, int]]:
    """Yield the series of Claude Code that show this one, and the value that they have."""
    ours = from_json(attributes)
    if metric in (semconv.TOKEN_USAGE.name, semconv.SESSION_TOKEN_USAGE.name):
        yield (semconv.CLAUDE_TOKEN_USAGE.name, to_json(ours | _shared(ours) | _type(ours))), value
    elif metric in (semconv.COST_USAGE.name, semconv.SESSION_COST_USAGE.name):
        yield (semconv.CLAUDE_COST_USAGE.name, to_json(ours | _shared(ours))), value
    elif metric == semconv.LINES_COUNT.name:
        yield (semconv.CLAUDE_LINES_COUNT.name, attributes), value
    if metric == semconv.SESSION_COUNT.name and ours.get(Attr.AGENT_KIND, _PERSON) == _PERSON:
        yield (semconv.CLAUDE_SESSION_COUNT.name, to_json(ours)), value
    if metric == semconv.SESSION_COST_USAGE.name and ours.get(Attr.AGENT_KIND) == _PERSON:
        # A session has a series for each of its models, and counts once.
        session: dict[str, AttributeValue] = {key: ours[key] for key in (Attr.SESSION, Attr.PROJECT) if key in ours}
        yield (semconv.CLAUDE_SESSION_COUNT.name, to_json(session)), 1


def _shared(ours: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    source = ours.get(Attr.USAGE_SOURCE)
    shared: dict[str, AttributeValue] = {}
    if Attr.MODEL in ours:
        shared[Attr.CLAUDE_MODEL] = ours[Attr.MODEL]
    if source is not None and source != UsageSource.MESSAGE.name.lower():
        shared[Attr.CLAUDE_QUERY_SOURCE] = _AUXILIARY
    elif Attr.AGENT_KIND in ours:
        shared[Attr.CLAUDE_QUERY_SOURCE] = _QUERY_SOURCES[str(ours[Attr.AGENT_KIND])]
    return shared


def _type(ours: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    # The overflow series holds all types.
    return {Attr.CLAUDE_TYPE: _TYPES[str(ours[Attr.TOKEN_TYPE])]} if Attr.TOKEN_TYPE in ours else {}
