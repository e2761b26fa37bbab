"""What may happen to an agent in a day, played in any order, and what a backend has of it in the end."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from hypothesis import strategies as st

from otel_agent.ledger.writer import Ledger
from otel_agent.model import SendResult
from tests.export.day import CYCLE_NS, HOUR_NS, OF, Day
from tests.support.otlp_receiver import PointRow

LOOK_BACK_NS = 300 * 10**9
"""How far Prometheus looks back for the point that a series rose from."""
ACCEPTED = SendResult(accepted=True)
AWAY = SendResult(accepted=False, reason="away")
UNANSWERED = SendResult(accepted=False, reason="no answer", unanswered=True)
"""The backend has it or has not: its answer was lost."""


class Event(NamedTuple):
    """One thing that happens. Only "counted" has a series and tokens."""

    what: str
    series: str = ""
    tokens: int = 0


WITHOUT_ARRIVAL = ("restart", "idle", "backend away", "request lost")
WITH_ARRIVAL = ("export", "last export", "answer lost")
COUNTED = st.builds(Event, st.just("counted"), st.sampled_from("abc"), st.integers(1, 1_000))


def stories(*, without: tuple[str, ...] = ()) -> st.SearchStrategy[list[Event]]:
    """Any events in any order, but none of those in `without`."""
    others = [each for each in (*WITHOUT_ARRIVAL, *WITH_ARRIVAL) if each not in without]
    return st.lists(st.one_of(COUNTED, st.builds(Event, st.sampled_from(others))), max_size=40)


class Played:
    """A story after it was played, with three quiet exports at its end."""

    def __init__(self, ledger: Ledger, story: list[Event], *, budget: int) -> None:
        self._day = Day(ledger, budget=budget)
        self.counted = dict.fromkeys("abc", 0)
        self._arrived: list[PointRow] = []
        for event in (*story, *[Event("export")] * 3):
            self._play(event)

    def points(self, series: str) -> list[PointRow]:
        """The points of one series that the backend has, in the order of their times. One sent twice is there twice."""
        of_series = [point for point in self._arrived if point.attributes[OF] == series]
        return sorted(of_series, key=lambda point: point.time_ns)

    def values(self, series: str) -> list[float]:
        """The values of those points."""
        return [point.value or 0 for point in self.points(series)]

    def increase(self, series: str) -> float:
        """What PromQL's `increase()` sees: each rise from a point that is not too far back."""
        return sum(
            (later.value or 0) - (earlier.value or 0)
            for earlier, later in pairwise(self.points(series))
            if later.time_ns - earlier.time_ns < LOOK_BACK_NS
        )

    def _play(self, event: Event) -> None:
        match event.what:
            case "counted":
                self._day.count(event.series, event.tokens)
                self.counted[event.series] += event.tokens
            case "idle":
                self._day.now_ns += 3 * HOUR_NS
            case "restart":
                self._day.start()
            case _:
                self._export(event.what)

    def _export(self, what: str) -> None:
        results = {"answer lost": UNANSWERED, "request lost": UNANSWERED, "backend away": AWAY}
        self._day.to.result = results.get(what, ACCEPTED)
        self._day.now_ns += CYCLE_NS
        sent = self._day.points(last=what == "last export")
        if what in WITH_ARRIVAL:
            self._arrived += sent
