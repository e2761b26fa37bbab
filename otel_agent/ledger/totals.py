"""The totals as they are published: one row for each series, integers only, raised and never lowered."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from otel_agent.model import Increase, SentPoint, Series

MAX_VALUE: Final = 2**63 - 1
"""A sum that would pass this stays at it: neither SQLite nor OTLP can hold more."""

_COLUMNS: Final = (
    "metric, attributes, start_ns, value, count, buckets, told_value, told_count, told_buckets, told_ns, "
    "open_value, open_count, open_buckets, open_ns"
)
_NEWS: Final = "(told_value IS NOT value OR told_count IS NOT count)"

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
        lead_ns: int = 0,
        history: bool = False,
    ) -> int:
        """Add to each series, creating it with ``lead_ns`` before ``now_ns`` as its start time for ever. One that is created
        by ``history`` is told as it is; any other is told to be zero before it is told what it is.

        Where a metric has ``max_series`` series (``windowed``: that changed since ``active_since_ns``), what belongs
        to further ones is added to the series with the attributes ``overflow``: the total stays true. Returns how
        many were folded so.
        """
        folded = 0
        for (metric, attributes), increase in increases.items():
            if self._add(metric, attributes, increase, now_ns):
                continue
            if self._active(metric, active_since_ns) < max_series:
                self._insert(metric, attributes, increase, now_ns, windowed, lead_ns, history)
                continue
            folded += 1
            if not self._add(metric, overflow, increase, now_ns):
                self._insert(metric, overflow, increase, now_ns, windowed, lead_ns, history)
        return folded

    def due(
        self, metrics: list[str], *, active_since_ns: int, changed_since_ns: int = 0, at_most: int = MAX_VALUE
    ) -> Iterator[Series]:
        """The series of these metrics of which the backend does not know all, and of the others those that changed since
        ``changed_since_ns``, ``at_most`` so many: those that changed last. Windowed ones only if they changed since
        ``active_since_ns``."""
        query = (
            f"WITH of_interest AS (SELECT *, {_NEWS} AS news FROM series "
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
        """The backend took these as they are."""
        self._database.executemany(
            "UPDATE series SET told_value = ?, told_count = ?, told_buckets = ?, told_ns = ?, "
            "open_value = NULL, open_count = NULL, open_buckets = NULL, open_ns = NULL WHERE metric = ? AND attributes = ?",
            [
                (each.value, each.count, json.dumps(each.buckets), now_ns, each.metric, each.attributes)
                for each in series
            ],
        )

    def mark_unanswered(self, series: Iterable[Series]) -> None:
        """Whether the backend knows what stands as ``open`` in these is to be seen; ``None``: there is nothing of it."""
        self._database.executemany(
            "UPDATE series SET open_value = ?, open_count = ?, open_buckets = ?, open_ns = ? WHERE metric = ? AND attributes = ?",
            [(*_written(each.unanswered), each.metric, each.attributes) for each in series],
        )

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

    def _insert(
        self,
        metric: str,
        attributes: str,
        increase: Increase,
        now_ns: int,
        windowed: bool,
        lead_ns: int,
        history: bool,
    ) -> None:
        told = (None, None, None) if history else (0, 0, "[]")
        self._database.execute(
            "INSERT INTO series (metric, attributes, start_ns, changed_ns, windowed, value, count, buckets, "
            "told_value, told_count, told_buckets) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                metric,
                attributes,
                now_ns - lead_ns,
                now_ns,
                windowed,
                min(increase.value, MAX_VALUE),
                increase.count,
                _buckets([], increase),
                *told,
            ),
        )

    def _active(self, metric: str, since_ns: int) -> int:
        query = "SELECT count(*) FROM series WHERE metric = ? AND changed_ns >= ?"
        return int(self._database.execute(query, (metric, since_ns)).fetchone()[0])


def _series(row: tuple[Any, ...]) -> Series:
    metric, attributes, start_ns, value, count, buckets, *then = row
    return Series(
        metric, attributes, start_ns, value, count, tuple(json.loads(buckets)), _read(*then[:4]), _read(*then[4:])
    )


def _read(value: int | None, count: int, buckets: str, at_ns: int) -> SentPoint | None:
    return None if value is None else SentPoint(value, count, tuple(json.loads(buckets)), at_ns)


def _written(told: SentPoint | None) -> tuple[int | str | None, ...]:
    return (None,) * 4 if told is None else (told.value, told.count, json.dumps(told.buckets), told.at_ns)


def _buckets(counts: list[int], increase: Increase) -> str:
    """The counts with the increase's added, as a JSON array as long as the highest bucket in use."""
    for index, more in increase.buckets.items():
        counts += [0] * (index + 1 - len(counts))
        counts[index] += more
    return json.dumps(counts)
