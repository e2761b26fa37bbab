"""How much of each budget is used, and when it will be at this pace."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from otel_agent.ledger.queries import Queries
from otel_agent.settings.values import BudgetSettings
from otel_agent.summary.question import Accounting, Filters, Question, RangeName
from otel_agent.summary.ranges import named_range
from otel_agent.summary.scope import scope_of
from otel_agent.summary.view import BudgetState, shown

_RANGES: Final[dict[str, RangeName]] = {"day": "today", "week": "this-week", "month": "this-month"}


def budget_states(
    budgets: Sequence[BudgetSettings], ledger: Queries, *, accounting: Accounting, now: datetime
) -> Iterator[BudgetState]:
    """Yield the state of each budget. ``now`` is in the zone in which days begin."""
    for budget in budgets:
        filters = Filters(projects=budget.projects, models=budget.models, agents=budget.agents)
        question = Question(range=named_range(_RANGES[budget.per], now), filters=filters)
        since, until = question.range.since, question.range.until
        assert since is not None  # noqa: S101 - a day, a week and a month have both ends
        assert until is not None  # noqa: S101
        usage = ledger.usage(scope_of(question, ledger))
        of_cost = budget.cost_usd is not None
        limit = round((budget.cost_usd or 0) * 10**9) if of_cost else budget.tokens or 0
        used = usage.cost_nusd if of_cost else shown(usage, accounting).total
        yield BudgetState(
            name=budget.name or _described(budget),
            per=budget.per,
            of_cost=of_cost,
            limit=limit,
            used=used,
            since=since,
            until=until,
            reached=_reached(since, until, now, used, limit),
        )


def _described(budget: BudgetSettings) -> str:
    """Return the globs of the budget; ``all`` if it has none."""
    return ", ".join((*budget.projects, *budget.models, *budget.agents)) or "all"


def _reached(since: datetime, until: datetime, now: datetime, used: int, limit: int) -> datetime | None:
    passed = now.timestamp() - since.timestamp()
    if used <= 0 or passed <= 0 or used > limit:
        return None
    at = since.timestamp() + passed * limit / used
    return datetime.fromtimestamp(at, now.tzinfo) if at < until.timestamp() else None
