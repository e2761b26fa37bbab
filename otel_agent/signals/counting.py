"""What a change adds to which series. All metrics are kept, whichever are published: switching one on later shows
its whole total."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from otel_agent import semconv
from otel_agent.model import Change, Increase, without_overlap
from otel_agent.semconv import Attr, Metric
from otel_agent.signals import dimensions

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
        """``disjoint``: leave out of ``output`` the reasoning tokens known to be inside it."""
        self._disjoint = disjoint
        self._origins: dict[tuple[object, ...], dict[tuple[str, _Extra], Increase]] = {}
        self._origin: tuple[object, ...] = ()
        self._series: dict[tuple[str, _Extra], Increase] = {}
        self.increases: Increases = {}

    def add(self, changes: Iterable[Change]) -> "Tally":
        for change in changes:
            message = change.message
            self._tokens(semconv.TOKEN_USAGE, change)
            self._of(semconv.COST_USAGE, change).value += change.cost_nusd
            if change.first:
                self._of(semconv.MESSAGE_COUNT, change, ((Attr.OUTCOME, message.outcome.value),)).value += 1
            if change.opens_session:
                self._opened(change)
            if message.calls_model:
                self._model_call(change)
        return self

    def add_sessions(self, changes: Iterable[Change]) -> "Tally":
        """The same changes by session."""
        for change in changes:
            session = ((Attr.SESSION, change.message.session_id),)
            self._tokens(semconv.SESSION_TOKEN_USAGE, change, session)
            self._of(semconv.SESSION_COST_USAGE, change, session).value += change.cost_nusd
        return self

    def add_problems(self, kinds: Iterable[str]) -> "Tally":
        for kind in kinds:
            key = semconv.UNREADABLE_COUNT.name, dimensions.key({Attr.PROBLEM: kind})
            self.increases.setdefault(key, Increase()).value += 1
        return self

    def _tokens(self, metric: Metric, change: Change, extra: _Extra = ()) -> None:
        """Zeros too: that a model never wrote to a cache is a fact which a dashboard can show. Never less than zero,
        which only a correction of the overlap could be: a sum that falls is taken for one that began anew."""
        tokens = without_overlap(change.tokens, change.overlap) if self._disjoint else change.tokens
        for type_, number in zip(_TYPES, tokens.each(), strict=True):
            self._of(metric, change, type_ + extra).value += max(number, 0)

    def _opened(self, change: Change) -> None:
        attributes = dimensions.of_session(change.message, subagent=change.subagent)
        self.increases.setdefault((semconv.SESSION_COUNT.name, dimensions.key(attributes)), Increase()).value += 1

    def _model_call(self, change: Change) -> None:
        """OTel's GenAI numbers: input contains what was cached, output what was spent on reasoning, each once."""
        tokens = without_overlap(change.tokens, change.overlap)
        input_tokens = max(tokens.input + tokens.cache_read + tokens.cache_write, 0)
        output_tokens = max(tokens.output + tokens.reasoning, 0)
        self._of(semconv.INPUT_TOKENS, change, _USAGE).value += input_tokens
        self._of(semconv.OUTPUT_TOKENS, change, _USAGE).value += output_tokens
        self._of(semconv.CACHE_READ_TOKENS, change, _USAGE).value += tokens.cache_read
        self._of(semconv.CACHE_WRITE_TOKENS, change, _USAGE).value += tokens.cache_write
        self._of(semconv.REASONING_TOKENS, change, _USAGE).value += tokens.reasoning
        if change.message.tokens.total:
            first = change.tokens == change.message.tokens
            self._observe(semconv.LEGACY_TOKEN_USAGE, change, _INPUT, input_tokens, first=first)
            self._observe(semconv.LEGACY_TOKEN_USAGE, change, _OUTPUT, output_tokens, first=first)
        if change.first and change.message.completed_ms is not None:
            self._duration(change, max(change.message.completed_ms - change.message.created_ms, 0))

    def _duration(self, change: Change, duration_ms: int) -> None:
        error = change.message.error_type
        extra = (*_CALL, (Attr.ERROR_TYPE, error)) if error else _CALL
        self._observe(semconv.INFERENCE_DURATION, change, extra, duration_ms, first=True)
        self._observe(semconv.LEGACY_DURATION, change, extra, duration_ms, first=True)

    def _observe(self, metric: Metric, change: Change, extra: _Extra, value: int, *, first: bool) -> None:
        """A correction raises a histogram's sum; in which bucket the message stands was said already."""
        increase = self._of(metric, change, extra)
        increase.value += value
        if first:
            bucket = bisect_left(metric.boundaries, value / metric.scale)
            increase.count += 1
            increase.buckets[bucket] = increase.buckets.get(bucket, 0) + 1

    def _of(self, metric: Metric, change: Change, extra: _Extra = ()) -> Increase:
        """The series of one message; its attributes are put into words only when it is met for the first time."""
        m = change.message
        origin = m.provider, m.model, m.agent, m.worktree, m.directory, change.subagent
        if origin != self._origin:
            self._origin, self._series = origin, self._origins.setdefault(origin, {})
        found = self._series.get((metric.name, extra))
        if found is None:
            attributes = {**dimensions.of_message(m, subagent=change.subagent), **dict(extra)}
            found = self.increases.setdefault((metric.name, dimensions.key(attributes)), Increase())
            self._series[metric.name, extra] = found
        return found
