"""Where a person is: a view, and what they chose on the way to it."""

import re
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.summary.question import Filters, Question
from otel_agent.summary.text.columns import name_of
from otel_agent.summary.view import PeriodRow, Range, Row, ViewName

_NEXT: Final[dict[ViewName, ViewName]] = {
    "overview": "sessions",
    "projects": "sessions",
    "models": "sessions",
    "agents": "sessions",
    "timeline": "sessions",
    "sessions": "models",
}


class Place(Struct, frozen=True):
    view: ViewName
    chosen: tuple[str, ...] = ()
    """The rows that led here, by name."""
    filters: Filters = Filters()
    period: Range | None = None
    """Of a row of the timeline; it goes before the range."""

    def into(self, row: Row) -> "Place":
        """What a row is made of."""
        glob = (_literally(row.key),)
        filters, period = self.filters, self.period
        match self.view:
            case "projects":
                filters = replace(filters, projects=glob)
            case "models" | "overview":
                filters = replace(filters, models=glob)
            case "agents":
                filters = replace(filters, agents=glob)
            case "sessions":
                filters = replace(filters, sessions=glob)
        if isinstance(row, PeriodRow):
            period = Range("custom", row.since, row.until, str(row.since.tzinfo))
        return Place(_NEXT[self.view], (*self.chosen, name_of(row)), filters, period)

    def of(self, question: Question) -> Question:
        """The question, asked of this place."""
        asked = question.filters
        filters = Filters(
            projects=self.filters.projects or asked.projects,
            models=self.filters.models or asked.models,
            agents=self.filters.agents or asked.agents,
            sessions=self.filters.sessions or asked.sessions,
        )
        return replace(question, filters=filters, range=self.period or question.range)


def _literally(key: str) -> str:
    """A glob that matches just this."""
    return re.sub(r"[*?\[]", r"[\g<0>]", key)
