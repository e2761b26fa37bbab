"""When in the week the tokens were used."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from otel_agent.ledger.answers import Usage
from otel_agent.summary.question import Accounting
from otel_agent.summary.view import Rhythm, shown

_DAYS: Final = 7
_HOURS: Final = 24


def rhythm(by_slot: Mapping[int, Usage], accounting: Accounting, now: datetime) -> Rhythm:
    """Return the tokens of each hour of each weekday, in the zone of ``now``, from those of quarters of an hour."""
    tokens = [[0] * _HOURS for _ in range(_DAYS)]
    for begin_ms, usage in by_slot.items():
        begin = datetime.fromtimestamp(begin_ms / 1000, now.tzinfo)
        tokens[begin.weekday()][begin.hour] += shown(usage, accounting).total
    return tuple(tuple(day) for day in tokens)
