"""Usage by hour, day, week or month, including periods without usage."""

from datetime import datetime
from typing import Final

from otel_agent.errors import NothingFound
from otel_agent.ledger.answers import NO_USAGE, Scope
from otel_agent.ledger.queries import Queries
from otel_agent.summary.question import By, Question
from otel_agent.summary.ranges import period_of
from otel_agent.summary.view import PeriodRow, shown

_MOST: Final = 20_000
"""The most periods in a timeline: two years of hours."""


def period_rows(ledger: Queries, scope: Scope, question: Question, now: datetime) -> list[PeriodRow]:
    """Return one row per period, from the start of the range to now or to the last message.

    If the range has no start, the first period is that of the first message. Raises ``NothingFound`` if there would be
    more periods than a person could mean.
    """
    ends = ledger.first_and_last_ms(scope)
    begin = question.range.since or (ends and datetime.fromtimestamp(ends[0] / 1000, now.tzinfo))
    if begin is None:
        return []
    # A clock that is ahead can write messages after now; they are shown too.
    last = max(_end(question, now), ends[1] / 1000 if ends else 0.0)
    periods = _periods(begin, last, question.by)
    used = ledger.by_period(scope, [(_ms(since), _ms(until)) for since, until in periods])
    rows = [
        PeriodRow(key=period_name(since, question.by), usage=used.get(_ms(since), NO_USAGE), since=since, until=until)
        for since, until in periods
    ]
    return _sorted(rows, question)


def period_name(since: datetime, by: By) -> str:
    """Return the period's name in ISO 8601: ``2026-11-18``, ``2026-W47``, ``2026-11``.

    An hour has its UTC offset too, because an hour that the clock repeats is two periods.
    """
    match by:
        case "hour":
            return since.isoformat(timespec="minutes")
        case "day":
            return since.date().isoformat()
        case "week":
            return f"{since:%G-W%V}"
        case "month":
            return f"{since:%Y-%m}"


def _periods(begin: datetime, last: float, by: By) -> list[tuple[datetime, datetime]]:
    """Return the periods from that of ``begin`` to that of ``last``, in seconds since the Unix epoch."""
    periods: list[tuple[datetime, datetime]] = []
    since, until = period_of(begin, by)
    while since.timestamp() <= last:
        if len(periods) == _MOST:
            raise NothingFound(
                f"the timeline would have more than {_MOST:,} {by}s. Shorten the range, or use --by day or month."
            )
        periods.append((since, until))
        # The next period begins where this one ends, even if the clock changed in between.
        since, until = period_of(until, by)
    return periods


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _end(question: Question, now: datetime) -> float:
    """Return the last second that is in the timeline. 0.0 means: stop at the last message."""
    until = question.range.until
    if until is None:
        return 0.0 if question.range.since is None else now.timestamp()
    return min(now.timestamp(), until.timestamp() - 0.001)  # the end of a range is not part of it


def _sorted(rows: list[PeriodRow], question: Question) -> list[PeriodRow]:
    match question.sort:
        case "tokens":
            return sorted(rows, key=lambda row: -shown(row.usage, question.accounting).total)
        case "messages":
            return sorted(rows, key=lambda row: -row.usage.messages)
        case "cost":
            return sorted(rows, key=lambda row: -row.usage.cost_nusd)
        case "last":
            return rows[::-1]
        case _:
            return rows
