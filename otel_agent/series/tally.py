"""Adds up what changes add to which series.

All metrics are kept, whichever are published: a metric that is switched on later shows its whole total.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Final

from otel_agent import semconv
from otel_agent.model import Change, Increase, Message, Tokens, ToolCall, UsageSource, without_overlap
from otel_agent.semconv import Attr, Metric
from otel_agent.series.attributes import (
    AttributeValue,
    message_attributes,
    session_attributes,
    to_json,
    tool_call_attributes,
)

Increases = dict[tuple[str, str], Increase]
"""The gain of each series, by metric name and attributes as JSON."""

_Extra = tuple[tuple[str, str], ...]
"""Attributes that a series has beside those of the message. A tuple, because it is part of a key."""

_CALL: Final[_Extra] = ((Attr.OPERATION, semconv.CHAT),)
_USAGE: Final[_Extra] = (*_CALL, (Attr.MODALITY, "unknown"))
"""OpenCode does not record the modality."""
_SOURCES: Final[dict[UsageSource, _Extra]] = {
    source: ((Attr.USAGE_SOURCE, source.name.lower()),) for source in UsageSource
}
_TYPES: Final[tuple[_Extra, ...]] = tuple(((Attr.TOKEN_TYPE, type_),) for type_ in semconv.TOKEN_TYPES)
_INPUT: Final[_Extra] = (*_CALL, (Attr.TOKEN_TYPE, "input"))
_OUTPUT: Final[_Extra] = (*_CALL, (Attr.TOKEN_TYPE, "output"))


class Tally:
    """Adds up changes by series, so that the ledger is written once for each series of a batch."""

    def __init__(self, *, disjoint: bool) -> None:
        """``disjoint``: count a token that OpenCode recorded in two categories only once."""
        self._disjoint = disjoint
        self._series_by_origin: dict[tuple[object, ...], _MessageSeries] = {}
        self.increases: Increases = {}

    def add(self, changes: Iterable[Change]) -> "Tally":
        """Add messages to the metrics of tokens, cost, messages, sessions and model calls. Returns itself."""
        for change in changes:
            series = self._series_of(change)
            source = _SOURCES[change.message.source]
            series.add_tokens(semconv.TOKEN_USAGE, self._published_tokens(change), source)
            series.increase(semconv.COST_USAGE, source).value += change.cost_nusd
            # The rest happens once for each message: a correction only adds tokens and cost.
            if change.first:
                outcome = ((Attr.OUTCOME, change.message.outcome.value),)
                series.increase(semconv.MESSAGE_COUNT, outcome).value += 1
                self._increase(semconv.INGESTED_COUNT, {Attr.SOURCE: change.message.generation.value}).value += 1
            if change.opens_session:
                self._increase(semconv.SESSION_COUNT, session_attributes(series.attributes)).value += 1
            if change.message.calls_model:
                series.add_call(change)
        return self

    def add_sessions(self, changes: Iterable[Change]) -> "Tally":
        """Add the same changes to the metrics that have one series for each session. Returns itself."""
        for change in changes:
            series = self._series_of(change)
            session = ((Attr.SESSION, change.message.session_id), *_SOURCES[change.message.source])
            series.add_tokens(semconv.SESSION_TOKEN_USAGE, self._published_tokens(change), session)
            series.increase(semconv.SESSION_COST_USAGE, session).value += change.cost_nusd
        return self

    def add_calls(self, calls: Iterable[tuple[Message, ToolCall]]) -> "Tally":
        """Add tool calls, each with the message that made it. Returns itself."""
        for message, call in calls:
            self._increase(semconv.TOOL_CALL_COUNT, tool_call_attributes(message, call)).value += 1
        return self

    def add_problems(self, kinds: Iterable[str]) -> "Tally":
        """Add one problem for each kind. Returns itself."""
        for kind in kinds:
            self._increase(semconv.UNREADABLE_COUNT, {Attr.PROBLEM: kind}).value += 1
        return self

    def _published_tokens(self, change: Change) -> Tokens:
        return without_overlap(change.tokens, change.overlap) if self._disjoint else change.tokens

    def _series_of(self, change: Change) -> "_MessageSeries":
        message = change.message
        # Everything that the attributes are made from: building them for each message would take most of the time.
        origin = (
            message.provider,
            message.model,
            message.agent,
            message.worktree,
            message.directory,
            change.subagent,
        )
        series = self._series_by_origin.get(origin)
        if series is None:
            series = _MessageSeries(message_attributes(message, subagent=change.subagent), self.increases)
            self._series_by_origin[origin] = series
        return series

    def _increase(self, metric: Metric, attributes: Mapping[str, AttributeValue]) -> Increase:
        return self.increases.setdefault((metric.name, to_json(attributes)), Increase())


class _MessageSeries:
    """The series of all messages with the same attributes. Their JSON is made once for each series."""

    def __init__(self, attributes: dict[str, AttributeValue], increases: Increases) -> None:
        self.attributes, self._increases = attributes, increases
        self._known: dict[tuple[str, _Extra], Increase] = {}

    def increase(self, metric: Metric, extra: _Extra = ()) -> Increase:
        """Return what the series with these further attributes gains; the caller adds to it."""
        increase = self._known.get((metric.name, extra))
        if increase is None:
            key = metric.name, to_json({**self.attributes, **dict(extra)})
            increase = self._known[metric.name, extra] = self._increases.setdefault(key, Increase())
        return increase

    def add_tokens(self, metric: Metric, tokens: Tokens, extra: _Extra = ()) -> None:
        """Add the tokens of each category, zeros too: a model that never writes to a cache is worth showing."""
        for type_, number in zip(_TYPES, tokens.by_category(), strict=True):
            # Only a corrected overlap makes a number negative. A sum that falls would look like a restarted counter.
            self.increase(metric, type_ + extra).value += max(number, 0)

    def add_call(self, change: Change) -> None:
        """Add OpenTelemetry's GenAI numbers: input contains cached tokens, output reasoning, and each token counts once."""
        tokens = without_overlap(change.tokens, change.overlap)
        # Negative after a corrected overlap, as above.
        input_tokens = max(tokens.input + tokens.cache_read + tokens.cache_write, 0)
        output_tokens = max(tokens.output + tokens.reasoning, 0)
        self.increase(semconv.INPUT_TOKENS, _USAGE).value += input_tokens
        self.increase(semconv.OUTPUT_TOKENS, _USAGE).value += output_tokens
        self.increase(semconv.CACHE_READ_TOKENS, _USAGE).value += tokens.cache_read
        self.increase(semconv.CACHE_WRITE_TOKENS, _USAGE).value += tokens.cache_write
        self.increase(semconv.REASONING_TOKENS, _USAGE).value += tokens.reasoning
        if change.message.tokens.total:
            # Completed without tokens and corrected later: the histogram has not seen this call yet.
            first = change.tokens == change.message.tokens
            self._observe(semconv.LEGACY_TOKEN_USAGE, _INPUT, input_tokens, first=first)
            self._observe(semconv.LEGACY_TOKEN_USAGE, _OUTPUT, output_tokens, first=first)
        if change.first:
            self._add_times(change.message)

    def _add_times(self, message: Message) -> None:
        """Add the durations that are known. A wrong one would be worse than none."""
        if message.answered_ms is not None:
            duration_ms = max(message.answered_ms - message.created_ms, 0)
            extra = (*_CALL, (Attr.ERROR_TYPE, message.error_type)) if message.error_type else _CALL
            self._observe(semconv.INFERENCE_DURATION, extra, duration_ms, first=True)
            self._observe(semconv.LEGACY_DURATION, extra, duration_ms, first=True)
        if message.first_output_ms is not None:
            first_ms = max(message.first_output_ms - message.created_ms, 0)
            self._observe(semconv.TIME_TO_FIRST_CHUNK, _CALL, first_ms, first=True)

    def _observe(self, metric: Metric, extra: _Extra, value: int, *, first: bool) -> None:
        """Add to a histogram. A correction raises its sum only: the message has its bucket already."""
        increase = self.increase(metric, extra)
        increase.value += value
        if first:
            bucket = bisect_left(metric.boundaries, value / metric.scale)
            increase.count += 1
            increase.buckets[bucket] = increase.buckets.get(bucket, 0) + 1
