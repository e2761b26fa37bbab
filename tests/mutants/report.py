"""What a trial of mutants came to: a line for each, a table by room, and the share that was killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tests.mutants.trial import Tried, Verdict

LEAST_SHARE: Final = 0.95
"""So many of the mutants that a test can see have to be killed."""
_COLUMNS: Final = tuple(Verdict)
_WIDTH: Final = max(map(len, _COLUMNS))


def line(tried: Tried) -> str:
    """Return the line of one mutant."""
    mutant = tried.mutant
    words = f"{tried.verdict:<{_WIDTH}}  {mutant.id:<6} {mutant.file}: {mutant.breaks}"
    return f"{words}\n    {tried.detail}" if tried.detail and tried.verdict is not Verdict.KILLED else words


def table(found: Sequence[Tried]) -> Iterator[str]:
    """Yield the lines of the table, a room in each, and the sum of all."""
    rooms = sorted({each.mutant.room for each in found})
    width = max([len("room"), *map(len, rooms)])
    yield "  ".join([f"{'room':<{width}}", *(f"{verdict:>{_WIDTH}}" for verdict in _COLUMNS)])
    for room in [*rooms, ""]:
        counts = Counter(each.verdict for each in found if room in ("", each.mutant.room))
        numbers = (f"{counts[verdict]:>{_WIDTH}}" for verdict in _COLUMNS)
        yield "  ".join([f"{room or 'all':<{width}}", *numbers])


def share(found: Iterable[Tried]) -> float:
    """Return which part of the mutants was killed, of those that are not equivalent; 1.0 if there are none."""
    counts = Counter(each.verdict for each in found)
    seen = counts.total() - counts[Verdict.EQUIVALENT]
    return counts[Verdict.KILLED] / seen if seen else 1.0


def is_enough(found: Sequence[Tried]) -> bool:
    """Return True if enough were killed, and each could be tried."""
    broken = any(each.verdict in (Verdict.DOES_NOT_APPLY, Verdict.NOT_TRIED) for each in found)
    return share(found) >= LEAST_SHARE and not broken
