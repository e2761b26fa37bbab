"""Usage by hour, day, week or month, including periods without usage."""

from datetime import datetime
from typing import Final

from otel_agent.errors import UsageError
from otel_agent.ledger.answers import NO_USAGE, SLOT_MS, Scope, Usage
from otel_agent.ledger.queries import Queries
from otel_agent.summary.question import By, Question
from otel_agent.summary.ranges import period_of
from otel_agent.summary.view import PeriodRow, shown

_MOST: Final = 20_000
"""The most periods in a timeline: two years of hours."""


def period_rows(ledger: Queries, scope: Scope, question: Question, now: datetime) -> list[PeriodRow]:
    """Return one row per period, from the start of the range to now or to the last message.

    If the range has no start, the first period is that of the first message. Raises ``UsageError`` if there would be
    more periods than a person could mean.
    """
    ends = ledger.first_and_last_ms(scope)
    begin = question.range.since or (ends and datetime.fromtimestamp(ends[0] / 1000, now.tzinfo))
    if begin is None:
        return []
    used = _by_period(ledger, scope, question.by, now)
    # A clock that is ahead can write messages after now; they are shown too.
    last = max(_end(question, now), ends[1] / 1000 if ends else 0.0)
    rows: list[PeriodRow] = []
    since, until = period_of(begin, question.by)
    while since.timestamp() <= last:
        if len(rows) == _MOST:
            raise UsageError(
                f"the timeline would have more than {_MOST:,} {question.by}s. Shorten the range, or use --by day or month."
            )
        usage = used.get(since.timestamp(), NO_USAGE)
        rows.append(PeriodRow(key=period_name(since, question.by), usage=usage, since=since, until=until))
        # The next period begins where this one ends, even if the clock changed in between.
        since, until = period_of(until, question.by)
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


def _by_period(ledger: Queries, scope: Scope, by: By, now: datetime) -> dict[float, Usage]:
    """Map the start of each period, in seconds since the Unix epoch, to its usage."""
    used: dict[float, Usage] = {}
    sessions: dict[float, set[str]] = {}
    for slot, session_id, usage in ledger.by_slot(scope):
        since = period_of(datetime.fromtimestamp(slot * SLOT_MS / 1000, now.tzinfo), by)[0].timestamp()
        used[since] = used.get(since, NO_USAGE).plus(usage)
        sessions.setdefault(since, set()).add(session_id)
    # Slots share sessions, so their numbers cannot be added: count the distinct ids of the period.
    return {
        since: Usage(usage.messages, len(sessions[since]), usage.tokens, usage.overlap, usage.cost_nusd)
        for since, usage in used.items()
    }


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
