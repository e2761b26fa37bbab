"""What messages of one kind add, as plain integers: all that happens once for each message of a long history.

The time of one ``add`` counts, so numbers are compared with zero in place: calling ``max`` takes three times as long.
"""

from bisect import bisect_left
from typing import Final

from otel_agent import semconv
from otel_agent.model import Change, Message, Tokens


def _bounds(metric: semconv.Metric) -> tuple[int, ...]:
    """Return the upper bounds of a histogram's buckets in the metric's smallest unit."""
    return tuple(round(bound * metric.scale) for bound in metric.boundaries)


_TOKEN_BOUNDS: Final = _bounds(semconv.LEGACY_TOKEN_USAGE)
_TIME_BOUNDS: Final = _bounds(semconv.INFERENCE_DURATION)
"""The same for all metrics of time. Milliseconds."""


class Usage:
    """Tokens by category, and cost."""

    __slots__ = ("cache_read", "cache_write", "cost_nusd", "input", "output", "reasoning")

    def __init__(self) -> None:
        self.input = self.output = self.reasoning = self.cache_read = self.cache_write = 0
        self.cost_nusd = 0

    def add(self, tokens: Tokens, cost_nusd: int) -> None:
        """Add the tokens and the cost of a change."""
        # Only a corrected overlap makes a number negative. A sum that falls would look like a restarted counter.
        if (number := tokens.input) > 0:
            self.input += number
        if (number := tokens.output) > 0:
            self.output += number
        if (number := tokens.reasoning) > 0:
            self.reasoning += number
        if (number := tokens.cache_read) > 0:
            self.cache_read += number
        if (number := tokens.cache_write) > 0:
            self.cache_write += number
        self.cost_nusd += cost_nusd

    def numbers(self) -> tuple[int, int, int, int, int, int]:
        """Return the tokens in the order of ``Tokens.by_category``, and the cost."""
        return self.input, self.output, self.reasoning, self.cache_read, self.cache_write, self.cost_nusd


class Histogram:
    """Observations of one metric: their sum, and how many are in which bucket."""

    __slots__ = ("_bounds", "buckets", "value")

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self._bounds = bounds
        self.value = 0
        self.buckets: dict[int, int] = {}
        """The number of observations, by the index of their bucket."""

    def observe(self, value: int) -> None:
        """Add an observation."""
        bucket = bisect_left(self._bounds, value)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.value += value


class ModelCalls:
    """OpenTelemetry's GenAI numbers: input contains cached tokens, output reasoning, and each token counts once."""

    __slots__ = ("durations", "first_outputs", "has_sizes", "input", "input_sizes", "output", "output_sizes")

    def __init__(self) -> None:
        self.input = self.output = 0
        self.has_sizes = False
        """True if any change was of a message with tokens, a correction too."""
        self.input_sizes, self.output_sizes = Histogram(_TOKEN_BOUNDS), Histogram(_TOKEN_BOUNDS)
        self.durations, self.first_outputs = Histogram(_TIME_BOUNDS), Histogram(_TIME_BOUNDS)

    def add(self, change: Change, tokens: Tokens) -> None:
        """Add a change of a message that called a model; ``tokens`` are the change's without overlap."""
        input_tokens = tokens.input + tokens.cache_read + tokens.cache_write
        output_tokens = tokens.output + tokens.reasoning
        # Negative after a corrected overlap, as in ``Usage``.
        if input_tokens < 0 or output_tokens < 0:
            input_tokens, output_tokens = max(input_tokens, 0), max(output_tokens, 0)
        self.input += input_tokens
        self.output += output_tokens
        message = change.message
        if message.tokens.total:
            self.has_sizes = True
            # Completed without tokens and corrected later: the histogram has not seen this call yet.
            if change.tokens == message.tokens:
                self.input_sizes.observe(input_tokens)
                self.output_sizes.observe(output_tokens)
            else:
                # The message has its bucket already: a correction raises the sum only.
                self.input_sizes.value += input_tokens
                self.output_sizes.value += output_tokens
        if change.first:
            self._add_times(message)

    def _add_times(self, message: Message) -> None:
        """Add the durations that are known. A wrong one would be worse than none."""
        created_ms, answered_ms, first_output_ms = message.created_ms, message.answered_ms, message.first_output_ms
        # A clock can be set back.
        if answered_ms is not None:
            self.durations.observe(answered_ms - created_ms if answered_ms > created_ms else 0)
        if first_output_ms is not None:
            self.first_outputs.observe(first_output_ms - created_ms if first_output_ms > created_ms else 0)
