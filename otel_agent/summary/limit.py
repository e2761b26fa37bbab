"""Cut the rows of a view to a limit, and add up what is left out."""

from collections.abc import Sequence
from typing import Final

from otel_agent.ledger.answers import NO_USAGE, Usage
from otel_agent.summary.question import Question
from otel_agent.summary.view import Cut, Row, ViewName

_SESSIONS_ADD_UP: Final[frozenset[ViewName]] = frozenset({"projects", "sessions"})
"""Views in which no session is in two rows. Models share sessions: a sum would count one once for each of its models."""


def limited(name: ViewName, rows: Sequence[Row], question: Question) -> tuple[Sequence[Row], Cut | None]:
    """Return the rows to show, and the sum of the others. Of a timeline in order of time, the latest are shown."""
    limit = question.limit
    if limit is None or len(rows) <= limit:
        return rows, None
    first = len(rows) - limit if name == "timeline" and question.sort is None else 0
    cut = [*rows[:first], *rows[first + limit :]]
    return rows[first : first + limit], Cut(len(cut), sum_of(name, cut))


def sum_of(name: ViewName, rows: Sequence[Row]) -> Usage:
    """Return the usage of some rows of a view, without its sessions if they do not add up."""
    total = NO_USAGE
    for row in rows:
        total = total.plus(row.usage)
    if name not in _SESSIONS_ADD_UP:
        total = Usage(total.messages, 0, total.tokens, total.overlap, total.cost_nusd)
    return total
