"""The totals as they are published: one row for each series, integers only, raised and never lowered."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final

from otel_agent.model import Increase, Series

MAX_VALUE: Final = 2**63 - 1
"""A sum that would pass this stays at it: neither SQLite nor OTLP can hold more."""

SeriesKey = tuple[str, str]
"""Metric name, and attributes as a JSON object with sorted keys."""


class Totals:
    """Runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def raise_by(
        self,
        increases: Mapping[SeriesKey, Increase],
        *,
        now_ns: int,
        max_series: int,
        overflow: str,
        windowed: bool = False,
        active_since_ns: int = 0,
    ) -> int:
        """Add to each series, creating it with ``now_ns`` as its start time for ever.

        Where a metric has ``max_series`` series (``windowed``: that changed since ``active_since_ns``), what belongs
        to further ones is added to the series with the attributes ``overflow``: the total stays true. Returns how
        many were folded so.
        """
        folded = 0
        for (metric, attributes), increase in increases.items():
            if self._add(metric, attributes, increase, now_ns):
                continue
            if self._active(metric, active_since_ns) < max_series:
                self._insert(metric, attributes, increase, now_ns, windowed)
                continue
            folded += 1
            if not self._add(metric, overflow, increase, now_ns):
                self._insert(metric, overflow, increase, now_ns, windowed)
        return folded

    def published(self, metrics: list[str], *, active_since_ns: int, changed_since_ns: int = 0) -> Iterator[Series]:
        """The series of these metrics that changed since ``changed_since_ns``; windowed ones only if they changed since
        ``active_since_ns``."""
        query = (
            "SELECT metric, attributes, start_ns, value, count, buckets FROM series "
            "WHERE metric IN (SELECT value FROM json_each(?)) AND (NOT windowed OR changed_ns >= ?) AND changed_ns >= ? "
            "ORDER BY metric, attributes"
        )
        for row in self._database.execute(query, (json.dumps(metrics), active_since_ns, changed_since_ns)):
            metric, attributes, start_ns, value, count, buckets = row
            yield Series(metric, attributes, start_ns, value, count, tuple(json.loads(buckets)))

    def counts(self) -> dict[str, int]:
        """How many series each metric has."""
        return dict(self._database.execute("SELECT metric, count(*) FROM series GROUP BY metric").fetchall())

    def clear(self) -> None:
        self._database.execute("DELETE FROM series")

    def _add(self, metric: str, attributes: str, increase: Increase, now_ns: int) -> bool:
        """Add to a series that is there; False where there is none."""
        buckets = "buckets" if not increase.buckets else "?"
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
        """The series' buckets with the increase's added; nothing for what has none."""
        if not increase.buckets:
            return ()
        row = self._database.execute(
            "SELECT buckets FROM series WHERE metric = ? AND attributes = ?", (metric, attributes)
        ).fetchone()
        return (_buckets(json.loads(row[0]) if row else [], increase),)

    def _insert(self, metric: str, attributes: str, increase: Increase, now_ns: int, windowed: bool) -> None:
        self._database.execute(
            "INSERT INTO series (metric, attributes, start_ns, changed_ns, windowed, value, count, buckets) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                metric,
                attributes,
                now_ns,
                now_ns,
                windowed,
                min(increase.value, MAX_VALUE),
                increase.count,
                _buckets([], increase),
            ),
        )

    def _active(self, metric: str, since_ns: int) -> int:
        query = "SELECT count(*) FROM series WHERE metric = ? AND changed_ns >= ?"
        return int(self._database.execute(query, (metric, since_ns)).fetchone()[0])


def _buckets(counts: list[int], increase: Increase) -> str:
    """The counts with the increase's added, as a JSON array as long as the highest bucket in use."""
    for index, more in increase.buckets.items():
        counts += [0] * (index + 1 - len(counts))
        counts[index] += more
    return json.dumps(counts)
