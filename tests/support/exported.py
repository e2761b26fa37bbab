"""All that a backend heard over several runs, in its own order."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.made_stores import Tokens
from tests.support.otlp_receiver import OtlpReceiver, PointRow

Series = tuple[str, frozenset[object]]


@dataclass(frozen=True, slots=True)
class SentPoint:
    receiver: OtlpReceiver

    def tokens(self) -> Tokens:
        """As the last points have it, by category."""
        by_type = self.receiver.by("opencode.token.usage", "gen_ai.token.type")
        return Tokens(**{str(kind): int(value) for kind, value in by_type.items()})

    def messages(self) -> int:
        return int(self.receiver.total("opencode.message.count"))

    def span_ids(self) -> set[str]:
        return {span.span_id for span in self.receiver.chats()}

    def starts(self) -> dict[Series, set[int]]:
        """Every start time that was ever told of a series."""
        found: dict[Series, set[int]] = {}
        for point in self.receiver.points():
            found.setdefault(series(point), set()).add(point.start_ns)
        return found

    def never_fell(self) -> bool:
        """Whether no series ever went back."""
        last: dict[Series, float] = {}
        for point in self.receiver.points():
            level = float(point.value if point.value is not None else point.count or 0)
            if level < last.get(series(point), 0):
                return False
            last[series(point)] = level
        return True


def series(point: PointRow) -> Series:
    return point.metric, frozenset(point.attributes.items())
