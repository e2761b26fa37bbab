"""Decides which points of each series are sent at an interval, so that PromQL's ``increase()`` is true.

``increase()`` adds what lies between two points of a series. It would lose what a series gained before its first point,
or before its first point after a silence. So such a series sends its last accepted value first, as a baseline, and its
current value one interval later. The history found at the very first start sends no baseline: it did not happen now.

A new series, and then one more message::

    interval    current    point sent        increase() sees
    1           7          0 (baseline)      nothing
    2           7          7                 7
    3           12         12                5

The ledger keeps three values of a series:

- **current**: what was counted so far (``Series.value``, ``count`` and ``buckets``).
- **last accepted**: the last value that the backend accepted. Zero for a new series. For history it is ``None`` while it
  is read, and then its amount, with the time zero: no backend has it yet, and what comes later is an increase.
- **unanswered**: the last value that was sent and not answered, with the time of its point. Usually ``None``.

These events change them::

    event                                             current   last accepted    unanswered
    a message is counted (``Totals.raise_by``)        rises     same             same
    about to be sent (``mark_sent``)                  same      same             the value sent
    accepted (``mark_accepted``)                      same      the value sent   None
    rejected, or never left (``mark_undelivered``)    same      same             as before it was sent
    no answer, or the agent was killed                same      same             same: the value sent
    sent again and answered (``mark_resent``)         same      the value sent   None
    history, with increments (``skip_history``)       same      current          None

The values decide what is sent of a series. "Recently" is within ``HEARTBEAT_NS``, or one interval and a half if that is
longer, as far as this process knows::

    unanswered, nothing accepted recently            the unanswered point again, with its old time, before all else
    unexported changes, nothing accepted recently    the baseline; the current value one interval later
    unexported changes, else                         the current value
    no changes, but this backend never had it        the current value, once
    no changes, but some within ``active_ns``        the current value, as a heartbeat, if the budget allows

Why unanswered points come first: the backend may have that value. A baseline below it would let the series fall, which
``increase()`` takes for a restarted counter, and it would add the whole total again. The same point sent twice is harmless.

With delta temporality the three values say what is sent as well. The increment is what the current value gained since
the last accepted one. If it gets no answer, it is what the unanswered value gained. The same increment with the same
times is sent again until an answer comes, also by the next start. Nothing newer of its series is sent before.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct, structs

from otel_agent.export.known_backend import KnownBackend
from otel_agent.ledger.writer import Ledger
from otel_agent.model import SentPoint, Series
from otel_agent.otlp.times import FAR_AHEAD_NS

HEARTBEAT_NS: Final = 4 * 60 * 10**9
"""The backend still shows a series that was accepted within this time: Prometheus looks back five minutes for a point."""


class ScheduledPoint(Struct, frozen=True, gc=False):
    """One point to send, and what to note once the backend has accepted it."""

    sent: Series
    """The numbers of the point: a total, or an increment."""
    accepted_as: Series
    """The total that the backend has once it accepted the point: for an increment the current one."""
    is_baseline: bool = False
    """True if it repeats an older value, before the current one follows."""


class MetricSchedule:
    """Knows what is due, and notes in the ledger what becomes of each point.

    Only the process remembers when a series was last accepted: no series counts as recent after a restart, until
    ``recall_accepted`` looks into the ledger.
    """

    def __init__(
        self,
        ledger: Ledger,
        metrics: list[str],
        *,
        session_window_ns: int,
        active_ns: int,
        budget: int,
        interval_ns: int = 0,
        backend: KnownBackend | None = None,
    ) -> None:
        """``metrics`` are the names to publish, ``interval_ns`` the time between two exports.

        ``session_window_ns`` is how long a series of one session is published after its last change. ``active_ns`` is
        how long any series gets heartbeats after its last change. ``budget`` is the number of heartbeats in one
        interval; those that changed last come first. Without a ``backend`` it counts as the one of all times.
        """
        self._ledger, self._metrics, self._backend = ledger, metrics, backend
        self._session_window_ns, self._active_ns, self._budget = session_window_ns, active_ns, budget
        # Of two exports in a row the later one must find the series recent, however long the interval is.
        self._recent_ns = max(HEARTBEAT_NS, interval_ns * 3 // 2)
        self._too_soon_ns = interval_ns // 2
        self._accepted_ns: dict[int, int] = {}
        """The time of the point of each series that was last accepted, by ``_key``. Old entries are dropped."""

    def heal_times(self, now_ns: int) -> None:
        """Move the starts of series that began while the clock was far ahead, or before 1970.

        A point lies after its start, so such a series could only have points in the future. A backend that looks at start
        times takes the new start for a reset, and adds the total once more. But what it had before lies in a future that
        nobody looks at, or was rejected. ``increase()`` looks at values only, and those go on.
        """
        if self._backend is not None:
            self._backend.heal(now_ns)
        far_ns = now_ns + FAR_AHEAD_NS
        if self._ledger.totals.has_impossible_times(far_ns):
            with self._ledger.transaction():
                self._ledger.totals.heal_times(far_ns, now_ns=now_ns)

    def due(self, now_ns: int) -> list[Series]:
        """Return the series to send at this interval, sorted by metric: those with unexported changes and heartbeats."""
        return list(
            self._ledger.totals.due(
                self._metrics,
                active_since_ns=now_ns - self._session_window_ns,
                changed_since_ns=now_ns - self._active_ns,
                at_most=self._budget,
                accepted_since_ns=self._accepted_since_ns,
            )
        )

    def points(self, due: Iterable[Series], now_ns: int, *, last: bool = False) -> list[ScheduledPoint]:
        """Return one point for each series: its baseline if it needs one, else its current value.

        An export that failed is tried again before the interval is over. Series that it had sent are left out then: a
        value must not follow its baseline sooner than backends look. ``last`` leaves out none.
        """
        return [
            _baseline(series) if self._needs_baseline(series, now_ns) else _total(series)
            for series in due
            if last or not self._is_too_soon(series, now_ns)
        ]

    def baselines(self, due: Iterable[Series], now_ns: int) -> list[ScheduledPoint]:
        """Return only the baselines that are needed now."""
        return [_baseline(series) for series in due if self._needs_baseline(series, now_ns)]

    def recall_accepted(self, due: Iterable[Series], since_ns: int, now_ns: int) -> None:
        """Count series as recent if the ledger says that the backend got their last accepted value after ``since_ns``."""
        for series in due:
            before = series.last_accepted
            # A time in the future was written by a wrong clock. That of a new series or of history is zero or missing.
            if before is not None and since_ns < (before.at_ns or 0) <= now_ns:
                known_ns = self._accepted_ns.get(_key(series), 0)
                self._accepted_ns[_key(series)] = max(known_ns, before.at_ns)

    def unanswered(self, due: Iterable[Series], now_ns: int) -> dict[int, list[ScheduledPoint]]:
        """Return the points that have to be sent again, by the time that they had."""
        found: dict[int, list[ScheduledPoint]] = {}
        for series in due:
            # If a point was accepted recently, the next one needs no baseline, and so nothing can fall.
            if series.unanswered is not None and self._is_past_heartbeat(series, now_ns):
                # A clock that was far ahead must not go on dating points in the future.
                at_ns = min(series.unanswered.at_ns, now_ns)
                found.setdefault(at_ns, []).append(_total(series.as_unanswered))
        return found

    def unanswered_increments(self, due: Iterable[Series]) -> dict[int, list[ScheduledPoint]]:
        """Return the increments that have to be sent again, by the time that they had."""
        found: dict[int, list[ScheduledPoint]] = {}
        for series in due:
            if series.unanswered is not None and series.last_accepted is not None:
                then = series.as_unanswered
                found.setdefault(series.unanswered.at_ns, []).append(ScheduledPoint(then.increment, then))
        return found

    def increments(self, due: Iterable[Series]) -> list[ScheduledPoint]:
        """Return what each series gained since it was last accepted, for backends that add up themselves.

        A series with an increment that got no answer waits until that is known.
        """
        return [
            ScheduledPoint(series.increment, series)
            for series in due
            if series.has_unexported and series.last_accepted is not None and series.unanswered is None
        ]

    def skip_history(self, due: Iterable[Series], now_ns: int) -> None:
        """Note that the history needs no increment: it was not gained now."""
        self._note_accepted([series for series in due if series.last_accepted is None], now_ns)

    def mark_sent(self, points: Sequence[ScheduledPoint], at_ns: int) -> None:
        """Note before sending that these points may reach the backend. Nothing is written if they are no news to it."""
        # Written first: if the agent is killed before the answer comes, the next start must know what may have arrived.
        self._note_unanswered([(series, _point_of(series, at_ns)) for series in self._news(points)])

    def mark_undelivered(self, points: Sequence[ScheduledPoint]) -> None:
        """Note that the points cannot have arrived, and restore the unanswered value from before they were sent."""
        self._note_unanswered([(series, series.unanswered) for series in self._news(points)])

    def mark_resent(self, points: Sequence[ScheduledPoint], at_ns: int) -> None:
        """Note that the backend has these points, which were unanswered, as of ``at_ns``."""
        # Nothing is put into _accepted_ns: the point is as old as it was, and what comes next needs a baseline.
        self._note_accepted([point.accepted_as for point in points], at_ns)

    def mark_accepted(self, points: Sequence[ScheduledPoint], at_ns: int) -> None:
        """Note that the backend has these points, which are dated ``at_ns``.

        Nothing is written to the ledger if they are no news to it. What is written is what was sent: the series may have
        risen meanwhile.
        """
        for point in points:
            self._accepted_ns[_key(point.accepted_as)] = at_ns
        # The time of the point, and not of its answer: the next increment begins where this one ended.
        self._note_accepted(self._news(points), at_ns)
        # An agent runs for months and series come and go: keep no more than what can still be recent.
        if len(self._accepted_ns) > 2 * self._budget + len(points):
            self._accepted_ns = {key: at for key, at in self._accepted_ns.items() if 0 <= at_ns - at <= self._recent_ns}

    def is_news(self, series: Series) -> bool:
        """True if the backend does not have the current value yet."""
        before = series.last_accepted
        return before is None or series.has_unexported or before.at_ns < self._accepted_since_ns

    @property
    def _accepted_since_ns(self) -> int:
        """What was accepted before this time, the backend does not have. What nobody ever accepted has the time zero."""
        return 1 if self._backend is None else self._backend.since_ns

    def _news(self, points: Iterable[ScheduledPoint]) -> list[Series]:
        """Return the totals that the backend does not have yet. Heartbeats and baselines are not among them."""
        return [point.accepted_as for point in points if not point.is_baseline and self.is_news(point.accepted_as)]

    def _needs_baseline(self, series: Series, now_ns: int) -> bool:
        return series.last_accepted is not None and series.has_unexported and self._is_past_heartbeat(series, now_ns)

    def _is_past_heartbeat(self, series: Series, now_ns: int) -> bool:
        age_ns = self._age_ns(series, now_ns)
        return age_ns is None or age_ns > self._recent_ns

    def _is_too_soon(self, series: Series, now_ns: int) -> bool:
        age_ns = self._age_ns(series, now_ns)
        return age_ns is not None and age_ns < self._too_soon_ns

    def _age_ns(self, series: Series, now_ns: int) -> int | None:
        """Return how long ago a point of the series was last accepted, ``None`` if none was or if that lies ahead."""
        at_ns = self._accepted_ns.get(_key(series))
        return None if at_ns is None or at_ns > now_ns else now_ns - at_ns

    def _note_unanswered(self, points: list[tuple[Series, SentPoint | None]]) -> None:
        if points:
            with self._ledger.transaction():
                self._ledger.totals.mark_unanswered(
                    [structs.replace(series, unanswered=point) for series, point in points]
                )

    def _note_accepted(self, series: list[Series], now_ns: int) -> None:
        if series:
            with self._ledger.transaction():
                self._ledger.totals.mark_accepted(series, now_ns)
                if self._backend is not None:
                    self._backend.note()


def _total(series: Series) -> ScheduledPoint:
    return ScheduledPoint(sent=series, accepted_as=series)


def _baseline(series: Series) -> ScheduledPoint:
    return ScheduledPoint(series.as_accepted, series.as_accepted, is_baseline=True)


def _point_of(series: Series, at_ns: int) -> SentPoint:
    return SentPoint(series.value, series.count, series.buckets, at_ns)


def _key(series: Series) -> int:
    """A hash instead of the attributes' text: thousands of series are remembered."""
    return hash((series.metric, series.attributes))
