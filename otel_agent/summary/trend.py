"""The tokens of a range step by step, for a line of small bars."""

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from otel_agent.ledger.answers import Scope
from otel_agent.ledger.queries import Queries
from otel_agent.summary.question import By, Question, Range
from otel_agent.summary.timeline import period_rows
from otel_agent.summary.view import Trend

_DAY_SECONDS: Final = 86_400
_MOST_HOURS_SECONDS: Final = 3 * _DAY_SECONDS
_MOST_DAYS_SECONDS: Final = 120 * _DAY_SECONDS
_MOST_WEEKS_SECONDS: Final = 2 * 365 * _DAY_SECONDS
"""A longer range is shown in the next larger step, so that a screen has room for it."""


def trend(ledger: Queries, scope: Scope, question: Question, now: datetime) -> Trend:
    """Return the tokens of each hour, day, week or month of the question's range, oldest first."""
    by = _step(_seconds(question.range, ledger, scope, now))
    rows = period_rows(ledger, scope, replace(question, by=by, sort=None, limit=None), now)
    return Trend(by, tuple(rows))


def _seconds(of: Range, ledger: Queries, scope: Scope, now: datetime) -> float:
    """Return how long the range is; one without ends is as long as what was used in it."""
    ends = ledger.first_and_last_ms(scope)
    begin = of.since.timestamp() if of.since else ends[0] / 1000 if ends else now.timestamp()
    return (of.until.timestamp() if of.until else now.timestamp()) - begin


def _step(seconds: float) -> By:
    if seconds <= _MOST_HOURS_SECONDS:
        return "hour"
    if seconds <= _MOST_DAYS_SECONDS:
        return "day"
    return "week" if seconds <= _MOST_WEEKS_SECONDS else "month"
