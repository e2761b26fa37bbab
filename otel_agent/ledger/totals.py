"""The totals: one row for each series, integers only, raised and never lowered.

The table ``series`` keeps three values of each series. Its columns have older names than the code.

===================  ==================  ========================================================================
in the code          columns             meaning
===================  ==================  ========================================================================
current              value, count, …     everything that was counted
``last_accepted``    ``told_*``          the last point that the backend accepted; zero for a new series, and NULL
                                         for one that the history of the first start made
``unanswered``       ``open_*``          the last point that was sent without an answer; NULL if all were answered
===================  ==================  ========================================================================
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from otel_agent.model import Increase, SentPoint, Series

MAX_VALUE: Final = 2**63 - 1
"""A sum that would pass this stays at it: neither SQLite nor OTLP can hold more."""

_COLUMNS: Final = (
    "metric, attributes, start_ns, value, count, buckets, told_value, told_count, told_buckets, told_ns, "
    "open_value, open_count, open_buckets, open_ns"
)
_HAS_UNEXPORTED: Final = "(told_value IS NOT value OR told_count IS NOT count)"

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

    def raise_by(
        self, increases: Mapping[SeriesKey, Increase], *, now_ns: int, new: NewSeries, limit: SeriesLimit
    ) -> int:
        """Add to each series and create those that do not exist, within the limit.

        Return how many increases went into an overflow series.
        """
        overflowed = 0
        for (metric, attributes), increase in increases.items():
            # Nearly every increase ends here: an existing series may always be raised, whatever the limit.
            if self._add(metric, attributes, increase, now_ns):
                continue
            if self._active(metric, limit.active_since_ns) < limit.max_series:
                self._insert(metric, attributes, increase, now_ns, new)
                continue
            # The overflow series comes on top of the limit, so a metric has at most one more.
            overflowed += 1
            if not self._add(metric, limit.overflow, increase, now_ns):
                self._insert(metric, limit.overflow, increase, now_ns, new)
        return overflowed

    def due(
        self, metrics: list[str], *, active_since_ns: int, changed_since_ns: int = 0, at_most: int = MAX_VALUE
    ) -> Iterator[Series]:
        """Yield the series of these metrics that have unexported changes, and unchanged ones for the heartbeat.

        Unchanged series must have changed since ``changed_since_ns``; of these ``at_most`` are included, the most
        recently changed first. Windowed series are left out unless they changed since ``active_since_ns``.
        """
        # ``known`` is cut to the most recent ones before anything is read of them: a history can hold many series.
        query = (
            f"WITH of_interest AS (SELECT *, {_HAS_UNEXPORTED} AS news FROM series "
            "WHERE metric IN (SELECT value FROM json_each(?)) AND (NOT windowed OR changed_ns >= ?)), "
            "known AS (SELECT metric, attributes FROM of_interest WHERE NOT news AND changed_ns >= ? "
            "ORDER BY changed_ns DESC LIMIT ?) "
            f"SELECT {_COLUMNS} FROM of_interest WHERE news OR (metric, attributes) IN (SELECT metric, attributes FROM known) "
            "ORDER BY metric, attributes"
        )
        parameters = (json.dumps(metrics), active_since_ns, changed_since_ns, at_most)
        for row in self._database.execute(query, parameters):
            yield _series(row)

    def mark_accepted(self, series: Iterable[Series], now_ns: int) -> None:
        """Record that the backend accepted these values; nothing of these series is unanswered any more."""
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
        self._database.executemany(
            "UPDATE series SET open_value = ?, open_count = ?, open_buckets = ?, open_ns = ? WHERE metric = ? AND attributes = ?",
            [(*_point_row(each.unanswered), each.metric, each.attributes) for each in series],
        )

    def counts(self) -> dict[str, int]:
        """Return the number of series of each metric that has any."""
        return dict(self._database.execute("SELECT metric, count(*) FROM series GROUP BY metric").fetchall())

    def clear(self) -> None:
        """Delete all series: the next increase begins each of them again."""
        self._database.execute("DELETE FROM series")

    def _add(self, metric: str, attributes: str, increase: Increase, now_ns: int) -> bool:
        """Add to a series that exists; return False if it does not."""
        buckets = "buckets" if not increase.buckets else "?"
        # SQLite makes a sum beyond 64 bits a float, and min() brings it back to the largest integer.
        changed = self._database.execute(
            f"UPDATE series SET value = min(value + ?, {MAX_VALUE}), count = count + ?, changed_ns = ?, "
            f"buckets = {buckets} WHERE metric = ? AND attributes = ?",
            (
                min(increase.value, MAX_VALUE),
                increase.count,
                now_ns,
                *self._with_buckets(metric, attributes, increase),
                metric,
                attributes,
            ),
        )
        return changed.rowcount == 1

    def _with_buckets(self, metric: str, attributes: str, increase: Increase) -> tuple[str, ...]:
        """Return the series' buckets with the increase's added, and nothing if the increase has none."""
        if not increase.buckets:
            return ()
        row = self._database.execute(
            "SELECT buckets FROM series WHERE metric = ? AND attributes = ?", (metric, attributes)
        ).fetchone()
        return (_buckets(json.loads(row[0]) if row else [], increase),)

    def _insert(self, metric: str, attributes: str, increase: Increase, now_ns: int, new: NewSeries) -> None:
        last_accepted = (None, None, None) if new.history else (0, 0, "[]")
        self._database.execute(
            "INSERT INTO series (metric, attributes, start_ns, changed_ns, windowed, value, count, buckets, "
            "told_value, told_count, told_buckets) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                metric,
                attributes,
                new.start_ns,
                now_ns,
                new.windowed,
                min(increase.value, MAX_VALUE),
                increase.count,
                _buckets([], increase),
                *last_accepted,
            ),
        )

    def _active(self, metric: str, since_ns: int) -> int:
        query = "SELECT count(*) FROM series WHERE metric = ? AND changed_ns >= ?"
        return int(self._database.execute(query, (metric, since_ns)).fetchone()[0])


def _series(row: tuple[Any, ...]) -> Series:
    metric, attributes, start_ns, value, count, buckets, *points = row
    return Series(
        metric, attributes, start_ns, value, count, tuple(json.loads(buckets)), _point(*points[:4]), _point(*points[4:])
    )


def _point(value: int | None, count: int, buckets: str, at_ns: int) -> SentPoint | None:
    return None if value is None else SentPoint(value, count, tuple(json.loads(buckets)), at_ns)


def _point_row(point: SentPoint | None) -> tuple[int | str | None, ...]:
    return (None,) * 4 if point is None else (point.value, point.count, json.dumps(point.buckets), point.at_ns)


def _buckets(counts: list[int], increase: Increase) -> str:
    """Return the counts with the increase's added, as a JSON array up to the highest bucket in use."""
    for index, more in increase.buckets.items():
        counts += [0] * (index + 1 - len(counts))
        counts[index] += more
    return json.dumps(counts)
