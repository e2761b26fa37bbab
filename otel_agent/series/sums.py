"""What messages with the same attributes add, as plain integers: all that happens once for each message of a history.

The methods take many changes at once and loop over them with local variables, without a call for each number.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

from otel_agent import semconv
from otel_agent.model import Change, Tokens


def _bounds(metric: semconv.Metric) -> tuple[int, ...]:
    """Return the upper bounds of a histogram's buckets in the metric's smallest unit."""
    return tuple(round(bound * metric.scale) for bound in metric.boundaries)


_TOKEN_BOUNDS: Final = _bounds(semconv.LEGACY_TOKEN_USAGE)
_TIME_BOUNDS: Final = _bounds(semconv.INFERENCE_DURATION)
"""The same for all metrics of model and tool calls. Milliseconds."""
_TURN_BOUNDS: Final = _bounds(semconv.INVOKE_AGENT_DURATION)
_LONGEST_MS: Final = 30 * 86_400_000
"""No call and no turn goes on for so long: a clock was set in between. One such duration would be most of a sum for ever."""


_ANY: Final = 2**63 - 1


class Usage:
    """Tokens by category, and cost."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers = (0, 0, 0, 0, 0, 0)

    @property
    def numbers(self) -> tuple[int, int, int, int, int, int]:
        """The tokens in the order of ``Tokens.by_category``, and the cost."""
        return self._numbers

    def add(self, changes: Sequence[Change], tokens: Sequence[Tokens]) -> None:
        """Add the cost of changes, and their tokens as they are published."""
        input_, output, reasoning, cache_read, cache_write, cost_nusd = self._numbers
        for each in tokens:
            # Only a corrected overlap makes a number negative. A sum that falls would look like a restarted counter.
            if (number := each.input) > 0:
                input_ += number
            if (number := each.output) > 0:
                output += number
            if (number := each.reasoning) > 0:
                reasoning += number
            if (number := each.cache_read) > 0:
                cache_read += number
            if (number := each.cache_write) > 0:
                cache_write += number
        cost_nusd += sum([change.cost_nusd for change in changes])
        self._numbers = input_, output, reasoning, cache_read, cache_write, cost_nusd


class Histogram:
    """Observations of one metric: their sum, and how many are in which bucket."""

    __slots__ = ("_bounds", "_most", "buckets", "value")

    def __init__(self, bounds: tuple[int, ...], most: int = _ANY) -> None:
        """``most`` is the largest value that is believed."""
        self._bounds, self._most = bounds, most
        self.value = 0
        self.buckets: dict[int, int] = {}
        """The number of observations, by the index of their bucket."""

    def observe(self, values: Iterable[int]) -> None:
        """Add observations; a negative one counts as zero, and one that nobody can believe is left out."""
        bounds, buckets, total, most = self._bounds, self.buckets, self.value, self._most
        for value in values:
            if value > most:
                continue
            bucket = bisect_left(bounds, value)
            buckets[bucket] = buckets.get(bucket, 0) + 1
            if value > 0:
                total += value
        self.value = total


def tool_durations() -> Histogram:
    """Return an empty histogram of tool calls. Milliseconds."""
    return Histogram(_TIME_BOUNDS, _LONGEST_MS)


def turn_durations() -> Histogram:
    """Return an empty histogram of turns. Milliseconds."""
    return Histogram(_TURN_BOUNDS, _LONGEST_MS)


class ModelCalls:
    """OpenTelemetry's GenAI numbers: input contains cached tokens, output reasoning, and each token counts once."""

    __slots__ = ("durations", "first_outputs", "has_sizes", "input", "input_sizes", "output", "output_sizes")

    def __init__(self) -> None:
        self.input = self.output = 0
        self.has_sizes = False
        """True if any change was of a message with tokens, a correction too."""
        self.input_sizes, self.output_sizes = Histogram(_TOKEN_BOUNDS), Histogram(_TOKEN_BOUNDS)
        self.durations, self.first_outputs = (Histogram(_TIME_BOUNDS, _LONGEST_MS) for _ in range(2))

    def add(self, changes: Sequence[Change], tokens: Sequence[Tokens]) -> None:
        """Add changes of messages that called a model; ``tokens`` are those of each change, without overlap."""
        # Negative after a corrected overlap, as in ``Usage``.
        inputs = [n if (n := each.input + each.cache_read + each.cache_write) > 0 else 0 for each in tokens]
        outputs = [n if (n := each.output + each.reasoning) > 0 else 0 for each in tokens]
        self.input += sum(inputs)
        self.output += sum(outputs)
        self._add_sizes(changes, inputs, outputs)
        self._add_times(changes)

    def _add_sizes(self, changes: Sequence[Change], inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Add to the histograms of tokens. A correction raises the sum only, because the message has its bucket."""
        seen = []
        for change, input_tokens, output_tokens in zip(changes, inputs, outputs, strict=True):
            whole = change.message.tokens
            # Nearly every message has such tokens: then all five need not be added up.
            if not (input_tokens or output_tokens or whole.total):
                continue
            self.has_sizes = True
            # Completed without tokens and corrected later: the histogram has not seen this call yet.
            if change.tokens == whole:
                seen.append((input_tokens, output_tokens))
            else:
                self.input_sizes.value += input_tokens
                self.output_sizes.value += output_tokens
        self.input_sizes.observe([size for size, _ in seen])
        self.output_sizes.observe([size for _, size in seen])

    def _add_times(self, changes: Sequence[Change]) -> None:
        """Add the durations that are known. A wrong one would be worse than none."""
        durations, first_outputs = [], []
        for change in changes:
            if change.first:
                message = change.message
                if (answered_ms := message.answered_ms) is not None:
                    durations.append(answered_ms - message.created_ms)
                if (first_output_ms := message.first_output_ms) is not None:
                    first_outputs.append(first_output_ms - message.created_ms)
        self.durations.observe(durations)
        self.first_outputs.observe(first_outputs)
