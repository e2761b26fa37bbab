"""Compare the rows of a view with the usage in the time before its range."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from otel_agent.ledger.answers import NO_USAGE, Usage
from otel_agent.summary.question import Question, Range
from otel_agent.summary.ranges import range_before
from otel_agent.summary.view import Before, Row, SessionRow, ViewName

_NOT_COMPARED: Final[frozenset[ViewName]] = frozenset({"timeline", "tools"})
"""Each row of a timeline is a time itself, and calls are no usage."""


def question_before(name: ViewName, question: Question, now: datetime) -> Question | None:
    """Return the question about the time before, or ``None`` if nothing is to be compared.

    Raises ``UsageError`` if the range has no beginning.
    """
    if not question.compared or name in _NOT_COMPARED:
        return None
    return replace(question, range=range_before(question.range, now), compared=False, limit=None)


def compared(rows: Sequence[Row], then: Range, earlier: Sequence[Row], totals: Usage) -> tuple[Sequence[Row], Before]:
    """Return the rows, those that only the time before has at their end, and the usage to compare them with.

    ``then`` is the time before, ``earlier`` its rows, and ``totals`` their usage.
    """
    here = {row.key for row in rows}
    ended = [_unused(row) for row in earlier if row.key not in here]
    return [*rows, *ended], Before(then, {row.key: row.usage for row in earlier}, totals)


def _unused(row: Row) -> Row:
    if isinstance(row, SessionRow):
        return replace(row, usage=NO_USAGE, with_subagents=NO_USAGE, depth=0)
    return replace(row, usage=NO_USAGE)
