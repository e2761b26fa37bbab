"""Keeps series that show others under a second name, so that they go out with all that makes a series true.

A mirrored series is an ordinary one of the ledger: it has its own baseline and its own accepted and unanswered values. It is
raised to its source's value before each export. So counting does not know of it, and a person can ask for it at any time.
What its source had before is then history, which ``increase()`` does not see.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from otel_agent.ledger.totals import MAX_VALUE, NewSeries, SeriesKey, SeriesLimit
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Increase
from otel_agent.series.attributes import OVERFLOW

Counterparts = Callable[[str, str, int], Iterator[tuple[SeriesKey, int]]]
"""Yields the series that mirror one, given its metric, attributes and value, and their values."""

# Each mirrored series has a source, and sources have a limit.
_NO_LIMIT: Final = SeriesLimit(MAX_VALUE, OVERFLOW)


class Mirror:
    """Belongs to the thread that owns the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        sources: Iterable[str],
        targets: Iterable[str],
        counterparts: Counterparts,
        *,
        window_ns: int | None,
    ) -> None:
        """``sources`` are the metrics to mirror, ``targets`` those of the mirrored series.

        ``window_ns`` is how long a series is published after its last change: older ones are left alone. It is ``None`` for
        series that are published for ever.
        """
        self._ledger, self._counterparts, self._window_ns = ledger, counterparts, window_ns
        self._sources, self._targets = tuple(sources), tuple(targets)
        self._seen: dict[SeriesKey, int] = {}
        """The value of each source when it was mirrored last."""

    def update(self, now_ns: int) -> None:
        """Raise each mirrored series to its source."""
        # A history can have a hundred thousand sessions that nobody exports any more.
        since_ns = 0 if self._window_ns is None else max(now_ns - self._window_ns, 0)
        rows = self._ledger.totals.current(self._sources, changed_since_ns=since_ns)
        changed = [row for row in rows if self._seen.get(row[0]) != row[2]]
        if not changed:
            return
        wanted: dict[SeriesKey, _Wanted] = {}
        late = self._is_late(changed)
        for (metric, attributes), start_ns, value, accepted in changed:
            # What the backend has of a source is no news, and neither is the history that it gets as a first point.
            is_known = late or accepted is None or accepted > 0
            known = value if late or accepted is None else accepted
            before = dict(self._counterparts(metric, attributes, known)) if is_known else {}
            for key, now in self._counterparts(metric, attributes, value):
                wanted.setdefault(key, _Wanted(start_ns)).add(now, before.get(key, 0))
        self._raise_to(wanted, now_ns)
        self._seen.update((key, value) for key, _, value, _ in changed)

    def _is_late(self, rows: Iterable[tuple[SeriesKey, int, int, int | None]]) -> bool:
        """Return True if the backend has sources, and nothing is mirrored yet: somebody asks for it from now on."""
        return bool(
            not self._seen
            and any(accepted for *_, accepted in rows)
            and next(self._ledger.totals.current(self._targets), None) is None
        )

    def _raise_to(self, wanted: Mapping[SeriesKey, "_Wanted"], now_ns: int) -> None:
        has = {key: value for key, _, value, _ in self._ledger.totals.current(self._targets)}
        first: defaultdict[int, dict[SeriesKey, Increase]] = defaultdict(dict)
        gains: defaultdict[int, dict[SeriesKey, Increase]] = defaultdict(dict)
        for key, each in wanted.items():
            if key not in has and each.known:
                first[each.start_ns][key] = Increase(each.known)
            gain = each.value - has.get(key, each.known)
            # A gain of zero makes a series that does not exist yet.
            if gain > 0 or (key not in has and not each.known):
                gains[each.start_ns][key] = Increase(gain)
        with self._ledger.transaction():
            for history, increases in ((True, first), (False, gains)):
                for start_ns, some in increases.items():
                    new = NewSeries(start_ns, windowed=self._window_ns is not None, history=history)
                    self._ledger.totals.raise_by(some, now_ns=now_ns, new=new, limit=_NO_LIMIT)


class _Wanted(Struct):
    """What a mirrored series has to show: of several sources, the largest."""

    start_ns: int
    value: int = 0
    known: int = 0
    """The part that the backend has under the first name, or gets there as history."""

    def add(self, value: int, known: int) -> None:
        self.value, self.known = max(self.value, value), max(self.known, known)
