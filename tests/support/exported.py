"""Everything that was exported over several runs, in the order of its arrival."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.differences import Differences, differences
from tests.support.made_stores import Tokens
from tests.support.otlp_receiver import OtlpReceiver, PointRow

Series = tuple[str, frozenset[object]]


@dataclass(frozen=True, slots=True)
class Exported:
    """The points and spans that a backend has, from all senders together."""

    receiver: OtlpReceiver

    def holds(
        self, *, tokens: Tokens | None = None, messages: int | None = None, spans: int | None = None
    ) -> Differences:
        """True if the last points and the different spans are these."""
        actual = {"tokens": self.tokens(), "messages": self.messages(), "spans": len(self.span_ids())}
        return differences(actual, {"tokens": tokens, "messages": messages, "spans": spans})

    def tokens(self) -> Tokens:
        """Return the tokens of the last points, by category."""
        by_type = self.receiver.by("opencode.token.usage", "gen_ai.token.type")
        return Tokens(**{str(kind): int(value) for kind, value in by_type.items()})

    def messages(self) -> int:
        """Return the messages of the last points."""
        return int(self.receiver.total("opencode.message.count"))

    def span_ids(self) -> set[str]:
        """Return the ids of all spans of model calls. A span that was sent twice is there once."""
        return {span.span_id for span in self.receiver.chats()}

    def starts(self) -> dict[Series, set[int]]:
        """Return every start time that each series was ever exported with."""
        found: dict[Series, set[int]] = {}
        for point in self.receiver.points():
            found.setdefault(series(point), set()).add(point.start_ns)
        return found

    def never_fell(self) -> bool:
        """True if no series was ever exported with a smaller value than before."""
        last: dict[Series, float] = {}
        for point in self.receiver.points():
            level = float(point.value if point.value is not None else point.count or 0)
            if level < last.get(series(point), 0):
                return False
            last[series(point)] = level
        return True


def series(point: PointRow) -> Series:
    """Return the identity of the series that a point belongs to."""
    return point.metric, frozenset(point.attributes.items())
