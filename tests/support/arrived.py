"""The backend's content as a dashboard reads it: the last value of every series, and every span."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.differences import Differences, differences
from tests.support.made_stores import Tokens
from tests.support.otlp_receiver import OtlpReceiver, PointRow, SpanRow

Where = Mapping[str, object]
ANY: Where = {}


@dataclass(frozen=True, slots=True)
class Arrived:
    """The points and spans that arrived at a receiver until now."""

    receiver: OtlpReceiver

    def holds(
        self, *, tokens: Tokens | None = None, messages: int | None = None, spans: int | None = None
    ) -> Differences:
        """True if the recorded tokens, the counted messages and the spans of model calls are these."""
        actual = {"tokens": self.tokens(), "messages": self.messages(), "spans": len(self.chats())}
        return differences(actual, {"tokens": tokens, "messages": messages, "spans": spans})

    def tokens(self, where: Where = ANY) -> Tokens:
        """Return the tokens by category, over the series whose attributes contain `where`."""
        kinds = Tokens._fields
        found = dict.fromkeys(kinds, 0)
        for point in self._series("opencode.token.usage", where):
            kind = str(point.attributes["gen_ai.token.type"])
            assert kind in kinds, f"unknown token type {kind}"
            assert isinstance(point.value, int), f"{kind} arrived as {point.value!r}"
            found[kind] += point.value
        return Tokens(**found)

    def tokens_by(self, attribute: str) -> dict[str, Tokens]:
        """Return the tokens for each value of `attribute`, without values that have no tokens."""
        series = self._series("opencode.token.usage", ANY)
        values = {str(point.attributes.get(attribute)) for point in series}
        split = {value: self.tokens({attribute: value}) for value in values}
        return {value: tokens for value, tokens in split.items() if any(tokens)}

    def messages(self, where: Where = ANY) -> int:
        """Return how many messages were counted, over the series whose attributes contain `where`."""
        return self._whole("opencode.message.count", where)

    def messages_by(self, attribute: str) -> dict[str, int]:
        """Return the counted messages for each value of `attribute`, without values that have no messages."""
        values = {str(point.attributes.get(attribute)) for point in self._series("opencode.message.count", ANY)}
        counts = {value: self.messages({attribute: value}) for value in values}
        return {value: count for value, count in counts.items() if count}

    def cost(self, where: Where = ANY) -> float:
        """Return the cost in US dollars."""
        return float(sum(self._number(point) for point in self._series("opencode.cost.usage", where)))

    def genai(self, kind: str, where: Where = ANY) -> int:
        """Return tokens by OpenTelemetry's names: `input_tokens` include cached, `output_tokens` include reasoning."""
        return self._whole(f"gen_ai.client.inference.usage.{kind}", where)

    def unreadable(self) -> int:
        """Return how many problems the agent reports in OpenCode's storage."""
        return self._whole("otel_agent.message.unreadable", ANY)

    def chats(self) -> list[SpanRow]:
        """Return the spans of model calls. A span that was sent twice is there twice."""
        return [span for span in self.receiver.chats() if span.attributes.get("gen_ai.operation.name") == "chat"]

    def chat(self) -> SpanRow:
        """Return the span of the only model call. Raises ValueError if there is not exactly one."""
        (span,) = self.chats()
        return span

    @staticmethod
    def _number(point: PointRow) -> int | float:
        assert point.value is not None, f"{point.metric} arrived as a histogram"
        return point.value

    def _whole(self, metric: str, where: Where) -> int:
        values = [self._number(point) for point in self._series(metric, where)]
        assert all(isinstance(value, int) for value in values), f"{metric} arrived as {values}"
        return int(sum(values))

    def _series(self, metric: str, where: Where) -> list[PointRow]:
        return [
            point
            for (name, _), point in self.receiver.latest().items()
            if name == metric and where.items() <= point.attributes.items()
        ]
