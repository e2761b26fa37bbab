"""What a change adds to which series. All metrics are kept, whichever are published: switching one on later shows
its whole total."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Final

from otel_agent import semconv
from otel_agent.model import Change, Increase, Message, Tokens, ToolCall, without_overlap
from otel_agent.semconv import Attr, Metric
from otel_agent.series.attributes import (
    AttributeValue,
    message_attributes,
    session_attributes,
    to_json,
    tool_call_attributes,
)

Increases = dict[tuple[str, str], Increase]
"""(metric name, attributes) to what the series gains."""

_Extra = tuple[tuple[str, str], ...]
"""Attributes beside those of the message."""

_CALL: Final[_Extra] = ((Attr.OPERATION, semconv.CHAT),)
_USAGE: Final[_Extra] = (*_CALL, (Attr.MODALITY, "unknown"))
"""OpenCode does not record the modality."""
_TYPES: Final[tuple[_Extra, ...]] = tuple(((Attr.TOKEN_TYPE, type_),) for type_ in semconv.TOKEN_TYPES)
_INPUT: Final[_Extra] = (*_CALL, (Attr.TOKEN_TYPE, "input"))
_OUTPUT: Final[_Extra] = (*_CALL, (Attr.TOKEN_TYPE, "output"))


class Tally:
    """Adds up changes by series, so that the ledger is written once for each series of a batch."""

    def __init__(self, *, disjoint: bool) -> None:
        """``disjoint``: leave out of the recorded tokens what is known to stand in two categories."""
        self._disjoint = disjoint
        self._origins: dict[tuple[object, ...], _Origin] = {}
        self.increases: Increases = {}

    def add(self, changes: Iterable[Change]) -> "Tally":
        for change in changes:
            origin = self._origin(change)
            origin.add_tokens(semconv.TOKEN_USAGE, self._published(change))
            origin.of(semconv.COST_USAGE).value += change.cost_nusd
            if change.first:
                origin.of(semconv.MESSAGE_COUNT, ((Attr.OUTCOME, change.message.outcome.value),)).value += 1
                self._of(semconv.INGESTED_COUNT, {Attr.SOURCE: change.message.generation.value}).value += 1
            if change.opens_session:
                self._of(semconv.SESSION_COUNT, session_attributes(origin.dimensions)).value += 1
            if change.message.calls_model:
                origin.add_call(change)
        return self

    def add_sessions(self, changes: Iterable[Change]) -> "Tally":
        """The same changes by session."""
        for change in changes:
            origin, session = self._origin(change), ((Attr.SESSION, change.message.session_id),)
            origin.add_tokens(semconv.SESSION_TOKEN_USAGE, self._published(change), session)
            origin.of(semconv.SESSION_COST_USAGE, session).value += change.cost_nusd
        return self

    def add_calls(self, calls: Iterable[tuple[Message, ToolCall]]) -> "Tally":
        for message, call in calls:
            self._of(semconv.TOOL_CALL_COUNT, tool_call_attributes(message, call)).value += 1
        return self

    def add_problems(self, kinds: Iterable[str]) -> "Tally":
        for kind in kinds:
            self._of(semconv.UNREADABLE_COUNT, {Attr.PROBLEM: kind}).value += 1
        return self

    def _published(self, change: Change) -> Tokens:
        return without_overlap(change.tokens, change.overlap) if self._disjoint else change.tokens

    def _origin(self, change: Change) -> "_Origin":
        m = change.message
        told = m.provider, m.model, m.agent, m.worktree, m.directory, change.subagent
        found = self._origins.get(told)
        if found is None:
            found = _Origin(message_attributes(m, subagent=change.subagent), self.increases)
            self._origins[told] = found
        return found

    def _of(self, metric: Metric, attributes: Mapping[str, AttributeValue]) -> Increase:
        return self.increases.setdefault((metric.name, to_json(attributes)), Increase())


class _Origin:
    """The series of all messages with the same attributes, which are put into words once for each series."""

    def __init__(self, attributes: dict[str, AttributeValue], increases: Increases) -> None:
        self.dimensions, self._increases = attributes, increases
        self._found: dict[tuple[str, _Extra], Increase] = {}

    def of(self, metric: Metric, extra: _Extra = ()) -> Increase:
        found = self._found.get((metric.name, extra))
        if found is None:
            key = metric.name, to_json({**self.dimensions, **dict(extra)})
            found = self._found[metric.name, extra] = self._increases.setdefault(key, Increase())
        return found

    def add_tokens(self, metric: Metric, tokens: Tokens, extra: _Extra = ()) -> None:
        """Zeros too: that a model never wrote to a cache is a fact which a dashboard can show. Never less than zero,
        which only a correction of the overlap could be: a sum that falls is taken for one that began anew."""
        for type_, number in zip(_TYPES, tokens.by_category(), strict=True):
            self.of(metric, type_ + extra).value += max(number, 0)

    def add_call(self, change: Change) -> None:
        """OTel's GenAI numbers: input contains what was cached, output what was spent on reasoning, each once."""
        tokens = without_overlap(change.tokens, change.overlap)
        input_tokens = max(tokens.input + tokens.cache_read + tokens.cache_write, 0)
        output_tokens = max(tokens.output + tokens.reasoning, 0)
        self.of(semconv.INPUT_TOKENS, _USAGE).value += input_tokens
        self.of(semconv.OUTPUT_TOKENS, _USAGE).value += output_tokens
        self.of(semconv.CACHE_READ_TOKENS, _USAGE).value += tokens.cache_read
        self.of(semconv.CACHE_WRITE_TOKENS, _USAGE).value += tokens.cache_write
        self.of(semconv.REASONING_TOKENS, _USAGE).value += tokens.reasoning
        if change.message.tokens.total:
            first = change.tokens == change.message.tokens
            self._observe(semconv.LEGACY_TOKEN_USAGE, _INPUT, input_tokens, first=first)
            self._observe(semconv.LEGACY_TOKEN_USAGE, _OUTPUT, output_tokens, first=first)
        if change.first and change.message.completed_ms is not None:
            self._add_duration(change.message, max(change.message.completed_ms - change.message.created_ms, 0))

    def _add_duration(self, message: Message, duration_ms: int) -> None:
        extra = (*_CALL, (Attr.ERROR_TYPE, message.error_type)) if message.error_type else _CALL
        self._observe(semconv.INFERENCE_DURATION, extra, duration_ms, first=True)
        self._observe(semconv.LEGACY_DURATION, extra, duration_ms, first=True)

    def _observe(self, metric: Metric, extra: _Extra, value: int, *, first: bool) -> None:
        """A correction raises a histogram's sum; in which bucket the message stands was said already."""
        increase = self.of(metric, extra)
        increase.value += value
        if first:
            bucket = bisect_left(metric.boundaries, value / metric.scale)
            increase.count += 1
            increase.buckets[bucket] = increase.buckets.get(bucket, 0) + 1
