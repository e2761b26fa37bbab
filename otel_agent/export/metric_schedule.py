"""What is told of the totals at each cycle, so that whoever asks a backend for an increase gets the truth.

PromQL's ``increase()`` sees what lies between two points of a series. The first point of a new series, and the first
one after a silence, has none before it: what it rose by would be lost. So such a series is told once more as the
backend then it (a new one as zero), and a cycle later as it is. The history that is found at the very first start is
told as it is at once: it did not happen now.

What the backend then is not always known: an agent that is killed, or a connection that breaks, between a request and
its answer. To tell such a series as it was before would let it fall, which ``increase()`` takes for a new counter and
adds all of it once more. So each value is noted before it is handed over, and where no answer was heard the very same
point, of the same time, is handed over again before anything else is told: who has it already loses nothing by it.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct, structs

from otel_agent.ledger.writer import Ledger
from otel_agent.model import Observation, SentPoint, Series

HEARTBEAT_NS: Final = 4 * 60 * 10**9
"""A series that was told within this is known to the backend: Prometheus looks back five minutes for a point."""


class ScheduledPoint(Struct, frozen=True, gc=False):
    """A point to hand over, and what the backend then once it took it."""

    sent: Series
    then: Series


class MetricSchedule:
    """Which series were told when is remembered by the process alone: after the agent was down, none was lately."""

    def __init__(
        self, ledger: Ledger, metrics: list[str], *, session_window_ns: int, active_ns: int, budget: int
    ) -> None:
        """``active_ns``: how long a series is told after it changed last; ``budget``: how many of those that do not
        change are told in a cycle, those first that changed last."""
        self._ledger, self._metrics = ledger, metrics
        self._session_window_ns, self._active_ns, self._budget = session_window_ns, active_ns, budget
        self._accepted_ns: dict[int, int] = {}

    def due(self, now_ns: int) -> list[Series]:
        return list(
            self._ledger.totals.due(
                self._metrics,
                active_since_ns=now_ns - self._session_window_ns,
                changed_since_ns=now_ns - self._active_ns,
                at_most=self._budget,
            )
        )

    def points(self, due: Iterable[Series], now_ns: int) -> list[ScheduledPoint]:
        """One for each: as it is, or, of what the backend has not heard of lately, as it then it."""
        return [
            ScheduledPoint(sent, sent)
            for sent in (each.as_accepted if self._needs_baseline(each, now_ns) else each for each in due)
        ]

    def baselines(self, due: Iterable[Series], now_ns: int) -> list[ScheduledPoint]:
        """Only those that the backend has not heard of lately, as it then them."""
        return [
            ScheduledPoint(each.as_accepted, each.as_accepted) for each in due if self._needs_baseline(each, now_ns)
        ]

    def unanswered(self, due: Iterable[Series], now_ns: int) -> dict[int, list[ScheduledPoint]]:
        """By the time of the point, what was handed over and not answered, of what the backend has not heard of since."""
        found: dict[int, list[ScheduledPoint]] = {}
        for each in due:
            if each.unanswered is not None and self._is_past_heartbeat(each, now_ns):
                found.setdefault(each.unanswered.at_ns, []).append(
                    ScheduledPoint(each.as_unanswered, each.as_unanswered)
                )
        return found

    def mark_sent(self, offers: Sequence[ScheduledPoint], at_ns: int) -> None:
        """They are about to be. Writes only where the backend learns something."""
        self._leave_open([(each.then, _as_of(each.then, at_ns)) for each in offers if each.then.has_unexported])

    def mark_undelivered(self, offers: Sequence[ScheduledPoint]) -> None:
        """They did not arrive: what was open before is so again."""
        self._leave_open([(each.then, each.then.unanswered) for each in offers if each.then.has_unexported])

    def mark_resent(self, offers: Sequence[ScheduledPoint], at_ns: int) -> None:
        """The backend then them, as of then: since, it heard of them no more."""
        self._tell([each.then for each in offers], at_ns)

    def increments(self, due: Iterable[Series]) -> list[ScheduledPoint]:
        """What each gained since it was told, for backends that add up themselves. History is no gain of now."""
        return [
            ScheduledPoint(each.increment, each)
            for each in due
            if each.has_unexported and each.last_accepted is not None
        ]

    def skip_history(self, due: Iterable[Series], now_ns: int) -> None:
        self._tell([each for each in due if each.last_accepted is None], now_ns)

    def mark_accepted(self, offers: Sequence[ScheduledPoint], now_ns: int) -> None:
        """They were handed over. Writes only where the backend learnt something."""
        for each in offers:
            self._accepted_ns[_key(each.then)] = now_ns
        self._tell([each.then for each in offers if each.then.has_unexported], now_ns)
        if len(self._accepted_ns) > 2 * self._budget + len(offers):
            self._accepted_ns = {key: at for key, at in self._accepted_ns.items() if now_ns - at <= HEARTBEAT_NS}

    def _needs_baseline(self, series: Series, now_ns: int) -> bool:
        return series.last_accepted is not None and series.has_unexported and self._is_past_heartbeat(series, now_ns)

    def _is_past_heartbeat(self, series: Series, now_ns: int) -> bool:
        return now_ns - self._accepted_ns.get(_key(series), -HEARTBEAT_NS) > HEARTBEAT_NS

    def _leave_open(self, points: list[tuple[Series, SentPoint | None]]) -> None:
        if points:
            with self._ledger.transaction():
                self._ledger.totals.mark_unanswered(
                    [structs.replace(series, unanswered=point) for series, point in points]
                )

    def _tell(self, series: list[Series], now_ns: int) -> None:
        if series:
            with self._ledger.transaction():
                self._ledger.totals.mark_accepted(series, now_ns)


def _as_of(series: Series, at_ns: int) -> SentPoint:
    return SentPoint(series.value, series.count, series.buckets, at_ns)


def _key(series: Series) -> int:
    return hash((series.metric, series.attributes))


class Gained:
    """What sums that are kept elsewhere gained from one collection to the next. Of those that ended nothing is kept."""

    def __init__(self) -> None:
        self._before: dict[tuple[object, ...], tuple[float, int]] = {}

    def of(self, seen: Iterable[Observation], now_ns: int) -> list[Observation]:
        found: list[Observation] = []
        now: dict[tuple[object, ...], tuple[float, int]] = {}
        for each in seen:
            if each.since_ns is None:
                found.append(each)
                continue
            key = each.metric, each.since_ns, *sorted(each.attributes.items())
            before, since_ns = self._before.get(key, (0, each.since_ns))
            now[key] = each.value, now_ns
            found.append(Observation(each.metric, each.value - before, each.attributes, since_ns))
        self._before = now
        return found
