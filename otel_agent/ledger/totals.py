"""The totals: one row for each series, integers only, raised and never lowered.

The table ``series`` keeps three values of each series. Its columns have older names than the code.

===================  ==================  ========================================================================
in the code          columns             meaning
===================  ==================  ========================================================================
current              value, count, …     everything that was counted
``last_accepted``    ``told_*``          the last point that the backend accepted; zero for a new series, NULL for
                                         history while it is read, its amount at the end of that (with time zero)
``unanswered``       ``open_*``          the last point that was sent without an answer; NULL if all were answered
===================  ==================  ========================================================================
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from otel_agent.ledger.buckets import NO_BUCKETS, bucket_counts, counts_in, sum_of_buckets
from otel_agent.model import Increase, SentPoint, Series

MAX_VALUE: Final = 2**63 - 1
"""A sum that would pass this stays at it: neither SQLite nor OTLP can hold more."""

_COLUMNS: Final = (
    "metric, attributes, start_ns, value, count, buckets, told_value, told_count, told_buckets, told_ns, "
    "open_value, open_count, open_buckets, open_ns"
)
_HAS_CAUGHT_UP: Final = (
    "value >= ifnull(told_value, value) AND count >= ifnull(told_count, count) "
    "AND value >= ifnull(open_value, value) AND count >= ifnull(open_count, count)"
)
"""False if the backend has more of a series than was counted again so far: sent now, it would fall."""
_HAS_UNEXPORTED: Final = "(told_value IS NOT value OR told_count IS NOT count)"

_MINUTE_NS: Final = 60 * 10**9
# A point without an answer is sent again as it was, so its series keeps its start until then. One that begins before 1970
# was never sent: no point can hold such a time.
_IMPOSSIBLE: Final = "(start_ns <= 0 OR (max(start_ns, changed_ns) > ?1 AND open_ns IS NULL))"

_CREATE_GAIN: Final = """
CREATE TEMP TABLE IF NOT EXISTS gain (
    -- the increases of one batch; empty between batches
    place INTEGER PRIMARY KEY,               -- counts from 1 in the order of the table ``series``
    position INTEGER NOT NULL,               -- counts from 0 in the order of the batch
    metric TEXT NOT NULL,
    attributes TEXT NOT NULL,
    value INTEGER NOT NULL,
    count INTEGER NOT NULL,
    buckets TEXT NOT NULL                    -- JSON array of counts, '[]' for none
)
"""

_METRICS_WITH_NEW_SERIES: Final = (
    "SELECT DISTINCT metric FROM gain WHERE NOT EXISTS (SELECT 1 FROM series "
    "WHERE series.metric = gain.metric AND series.attributes = gain.attributes)"
)

_GAINS_OF_METRIC: Final = (
    "SELECT place, changed_ns FROM gain LEFT JOIN series USING (metric, attributes) "
    "WHERE gain.metric = ? ORDER BY position"
)
"""Selects the increases of a metric, and when their series changed last: NULL for a new one."""

# SQLite makes a sum beyond 64 bits a float, and min() brings it back to the largest integer.
_RAISE: Final = f"""
INSERT INTO series (metric, attributes, value, count, buckets,
    start_ns, changed_ns, windowed, told_value, told_count, told_buckets)
SELECT metric, attributes, value, count, buckets, ?, ?, ?, ?, ?, ? FROM gain WHERE true ORDER BY place
ON CONFLICT (metric, attributes) DO UPDATE SET
    value = min(value + excluded.value, {MAX_VALUE}),
    count = count + excluded.count,
    changed_ns = excluded.changed_ns,
    buckets = CASE excluded.buckets WHEN '{NO_BUCKETS}' THEN buckets ELSE sum_of_buckets(buckets, excluded.buckets) END
"""

SeriesKey = tuple[str, str]
"""Metric name, and attributes as a JSON object with sorted keys."""


class NewSeries(Struct, frozen=True):
    """The beginning of a series that an increase creates."""

    start_ns: int
    """Its start time for ever."""
    windowed: bool = False
    """Export it only while it changes, as the series of sessions are."""
    history: bool = False
    """It comes from the history of the very first start: its first point is its value. Any other begins at zero."""


class SeriesLimit(Struct, frozen=True):
    """The number of series that a metric may have."""

    max_series: int
    overflow: str
    """The attributes of the series that gets what would need a further one, so that the total stays true."""
    active_since_ns: int = 0
    """Only series that changed since then count against the limit."""


class Totals:
    """The table ``series``. Runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.noted: set[SeriesKey] = set()
        """The series for which the running transaction noted what the backend has."""
        database.execute(_CREATE_GAIN)
        database.create_function("sum_of_buckets", 2, sum_of_buckets, deterministic=True)

    def raise_by(
        self, increases: Mapping[SeriesKey, Increase], *, now_ns: int, new: NewSeries, limit: SeriesLimit
    ) -> int:
        """Add to each series and create those that do not exist, within the limit.

        Return how many increases went into an overflow series.
        """
        self._stage(increases)
        # Nearly every batch finds no new series. An existing one may always be raised, whatever the limit.
        metrics = self._database.execute(_METRICS_WITH_NEW_SERIES).fetchall()
        wanted = Counter(metric for metric, _ in increases) if metrics else Counter[str]()
        overflowed = [each for (metric,) in metrics for each in self._beyond_limit(metric, wanted[metric], limit)]
        # The overflow series comes on top of the limit, so a metric has at most one more.
        self._database.executemany(
            "UPDATE gain SET attributes = ? WHERE place = ?", [(limit.overflow, each) for each in overflowed]
        )
        last_accepted = (None, None, None) if new.history else (0, 0, "[]")
        # Before a clock is set it can show less than the lead, and no point can have a negative start.
        self._database.execute(_RAISE, (max(new.start_ns, 1), now_ns, new.windowed, *last_accepted))
        self._database.execute("DELETE FROM gain")
        return len(overflowed)

    def current(
        self, metrics: Iterable[str], *, changed_since_ns: int = 0
    ) -> Iterator[tuple[SeriesKey, int, int, int | None]]:
        """Yield each series of these metrics that changed since then: its key, its start, its current value and the last accepted one.

        The last is ``None`` for the history that the backend does not have yet.
        """
        query = "SELECT metric, attributes, start_ns, value, told_value FROM series WHERE metric IN (SELECT value FROM json_each(?)) AND changed_ns >= ?"
        for metric, attributes, *numbers in self._database.execute(
            query, (json.dumps(list(metrics)), changed_since_ns)
        ):
            yield (metric, attributes), *numbers

    def due(
        self,
        metrics: list[str],
        *,
        active_since_ns: int,
        changed_since_ns: int = 0,
        at_most: int = MAX_VALUE,
        accepted_since_ns: int = 1,
    ) -> Iterator[Series]:
        """Yield the series of these metrics that have unexported changes, and unchanged ones for the heartbeat.

        Unchanged series must have changed since ``changed_since_ns``; of these ``at_most`` are included, the most
        recently changed first. Windowed series are left out unless they changed since ``active_since_ns``. What was
        accepted before ``accepted_since_ns`` is unexported too: another backend has it, or with time zero none has.
        """
        # ``known`` is cut to the most recent ones before anything is read of them: a history can hold many series.
        query = (
            f"WITH of_interest AS (SELECT *, ({_HAS_UNEXPORTED} OR told_ns < ?) AS news FROM series "
            f"WHERE metric IN (SELECT value FROM json_each(?)) AND (NOT windowed OR changed_ns >= ?) AND {_HAS_CAUGHT_UP}), "
            "known AS (SELECT metric, attributes FROM of_interest WHERE NOT news AND changed_ns >= ? "
            "ORDER BY changed_ns DESC LIMIT ?) "
            f"SELECT {_COLUMNS} FROM of_interest WHERE news OR (metric, attributes) IN (SELECT metric, attributes FROM known) "
            "ORDER BY metric, attributes"
        )
        parameters = (accepted_since_ns, json.dumps(metrics), active_since_ns, changed_since_ns, at_most)
        for row in self._database.execute(query, parameters):
            yield _series(row)

    def mark_accepted(self, series: Iterable[Series], now_ns: int) -> None:
        """Record that the backend accepted these values; nothing of these series is unanswered any more."""
        series = list(series)
        self.noted.update((each.metric, each.attributes) for each in series)
        self._database.executemany(
            "UPDATE series SET told_value = ?, told_count = ?, told_buckets = ?, told_ns = ?, "
            "open_value = NULL, open_count = NULL, open_buckets = NULL, open_ns = NULL WHERE metric = ? AND attributes = ?",
            [
                (each.value, each.count, json.dumps(each.buckets), now_ns, each.metric, each.attributes)
                for each in series
            ],
        )

    def mark_unanswered(self, series: Iterable[Series]) -> None:
        """Record the points whose delivery is unknown, as ``Series.unanswered`` has them; ``None`` clears."""
        series = list(series)
        self.noted.update((each.metric, each.attributes) for each in series)
        self._database.executemany(
            "UPDATE series SET open_value = ?, open_count = ?, open_buckets = ?, open_ns = ? WHERE metric = ? AND attributes = ?",
            [(*_point_row(each.unanswered), each.metric, each.attributes) for each in series],
        )

    def has_impossible_times(self, far_ns: int) -> bool:
        """True if a series begins before 1970, or begins or changed after ``far_ns``."""
        return (
            self._database.execute(f"SELECT 1 FROM series WHERE {_IMPOSSIBLE} LIMIT 1", (far_ns,)).fetchone()
            is not None
        )

    def heal_times(self, far_ns: int, *, now_ns: int) -> None:
        """Bring the times of these series before ``now_ns``. Called inside a transaction."""
        self._database.execute(
            f"UPDATE series SET start_ns = iif(start_ns BETWEEN 1 AND ?1, start_ns, max(?2 - {_MINUTE_NS}, 1)), "
            f"changed_ns = min(changed_ns, ?2) WHERE {_IMPOSSIBLE}",
            (far_ns, now_ns),
        )

    def counts(self) -> dict[str, int]:
        """Return the number of series of each metric that has any."""
        return dict(self._database.execute("SELECT metric, count(*) FROM series GROUP BY metric").fetchall())

    def end_history(self, *, of_all: bool = False) -> None:
        """Make the history a baseline: it ends here, and what series gain from now on is an increase.

        No backend has it yet, which a time of zero says. ``of_all`` is for a ledger that never had a backend: all that was
        counted for summaries is history then, and no rise of the day on which somebody chose one.
        """
        self._database.execute(
            "UPDATE series SET told_value = value, told_count = count, told_buckets = buckets, told_ns = 0"
            + ("" if of_all else " WHERE told_value IS NULL")
        )

    def raise_to_sent(self) -> int:
        """Raise what was counted to what the backend has, if OpenCode no longer has all of it. Return of how many series.

        The backend's totals were true, and a lower one would be taken for a counter that began again.
        """
        changed = 0
        for then in ("told", "open"):
            changed += self._database.execute(
                f"UPDATE series SET value = max(value, {then}_value), count = max(count, {then}_count), "
                f"buckets = iif(count < {then}_count, {then}_buckets, buckets) "
                f"WHERE {then}_value > value OR {then}_count > count"
            ).rowcount
        return changed

    def clear(self) -> None:
        """Delete all series: the next increase begins each of them again."""
        self._database.execute("DELETE FROM series")

    def _stage(self, increases: Mapping[SeriesKey, Increase]) -> None:
        """Bring the increases into the table ``gain``, in their order."""
        # Statements over a whole batch take 11 µs instead of 18 µs for a series that exists. A new one takes 17 µs instead of 150 µs.
        rows = [
            (
                metric,
                attributes,
                position,
                min(increase.value, MAX_VALUE),
                increase.count,
                bucket_counts(increase.buckets),
            )
            for position, ((metric, attributes), increase) in enumerate(increases.items())
        ]
        # In the order of ``series`` each of its pages is visited once: a third faster for 8,000 series.
        rows.sort()
        self._database.executemany(
            "INSERT INTO gain (metric, attributes, position, value, count, buckets) VALUES (?, ?, ?, ?, ?, ?)", rows
        )

    def _beyond_limit(self, metric: str, wanted: int, limit: SeriesLimit) -> list[int]:
        """Return the places of those of ``wanted`` increases for which this metric may not have a new series."""
        # Hardly any metric comes near its limit.
        known = int(self._database.execute("SELECT count(*) FROM series WHERE metric = ?", (metric,)).fetchone()[0])
        if known + wanted <= limit.max_series:
            return []
        query = "SELECT count(*) FROM series WHERE metric = ? AND changed_ns >= ?"
        room = limit.max_series - int(self._database.execute(query, (metric, limit.active_since_ns)).fetchone()[0])
        beyond = []
        for place, changed_ns in self._database.execute(_GAINS_OF_METRIC, (metric,)):
            is_new = changed_ns is None
            if is_new and room <= 0:
                beyond.append(place)
            elif is_new or changed_ns < limit.active_since_ns:
                # It becomes an active series, before those that follow it are looked at.
                room -= 1
        return beyond


def _series(row: tuple[Any, ...]) -> Series:
    metric, attributes, start_ns, value, count, buckets, *points = row
    return Series(
        metric, attributes, start_ns, value, count, counts_in(buckets), _point(*points[:4]), _point(*points[4:])
    )


def _point(value: int | None, count: int, buckets: str, at_ns: int) -> SentPoint | None:
    return None if value is None else SentPoint(value, count, counts_in(buckets), at_ns)


def _point_row(point: SentPoint | None) -> tuple[int | str | None, ...]:
    return (None,) * 4 if point is None else (point.value, point.count, json.dumps(point.buckets), point.at_ns)
