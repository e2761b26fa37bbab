"""What is used and left of a budget, as people read it."""

from datetime import datetime

from otel_agent.model.money import dollars_beside
from otel_agent.model.plural import counted
from otel_agent.summary.text import words
from otel_agent.summary.view import BudgetState


def used_of_limit(budget: BudgetState) -> str:
    """Return the used amount and the limit in short forms: ``1.20M of 5.00M``, ``3.50 of 20.00 USD``."""
    if budget.of_cost:
        used, limit = dollars_beside(budget.used, budget.limit)
        return f"{used} of {limit} USD"
    return f"{amount(budget, budget.used)} of {amount(budget, budget.limit)}"


def amount(budget: BudgetState, number: int) -> str:
    """Return an amount of the budget in a short form, without its unit."""
    return words.dollars(number, budget.limit) if budget.of_cost else words.compact(number)


def pace(budget: BudgetState, now: datetime) -> str:
    """Return when the budget is used up at this pace: ``used up 11-25 17:40``, ``lasts``, ``used up`` or ``passed``."""
    if not budget.left:
        return "passed" if budget.is_passed else "used up"
    return f"used up {words.moment(budget.reached, now)}" if budget.reached else "lasts"


def notice_text(budget: BudgetState, now: datetime) -> str:
    """Return the sentence of a notice, with all digits."""
    if budget.of_cost:
        used = used_of_limit(budget)
    else:
        used = f"{words.exact(budget.used)} of {counted(budget.limit, 'token')}"
    passed = " is passed" if budget.is_passed else ""
    soon = f", at this pace it is used up {words.moment(budget.reached, now)}" if budget.left and budget.reached else ""
    return words.plain(
        f"budget {budget.name}{passed}: {used} a {budget.per} used ({words.share(budget.used, budget.limit)}){soon}"
    )
