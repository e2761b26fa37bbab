"""One line of numbers for a status bar: what ``otel-agent statusline`` prints."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from otel_agent.errors import UsageError
from otel_agent.ledger.answers import NO_USAGE, Scope, Usage
from otel_agent.ledger.queries import Queries
from otel_agent.ledger.reading import NOT_BEGUN
from otel_agent.model.plural import counted, form_for
from otel_agent.settings.values import BudgetSettings
from otel_agent.summary.budgets import budget_states
from otel_agent.summary.question import RANGE_NAMES, Accounting, RangeName
from otel_agent.summary.ranges import named_range
from otel_agent.summary.text import words
from otel_agent.summary.text.budget_words import amount, pace
from otel_agent.summary.view import BudgetState, shown

UNREADABLE: Final = "unreadable"
"""The field for the stores that cannot be read now. Without it, the end of the line says how many."""
_NUMBERS: Final = (
    "tokens",
    "cost",
    "messages",
    "sessions",
    "input",
    "output",
    "reasoning",
    "cache_read",
    "cache_write",
)
_USAGE: Final = "usage"
"""The field for tokens and, if any was recorded, cost, in words."""
FIELDS: Final = (*_NUMBERS, _USAGE)
BUDGET_FIELDS: Final = ("name", "used", "limit", "left", "percent", "reached")
_FIELD: Final = re.compile(r"\{([^{}]*)\}")


def status_line(
    template: str,
    ledger: Queries | None,
    *,
    accounting: Accounting,
    now: datetime,
    budgets: Sequence[BudgetSettings] = (),
) -> str:
    """Return the template with each ``{range.field}`` replaced by its number in a short form.

    ``{range.field:exact}`` gives all digits, and ``{budget}`` the budget that is used up most. If the history is not
    read to its end, or a store cannot be read, the line says so. It does so at its end, or at ``{unreadable}`` if the
    template has that.
    Raises ``UsageError`` for a field that does not exist.
    """
    unreadable = 0 if ledger is None else len(ledger.unreadable_stores())
    ranges: dict[RangeName, Mapping[str, int]] = {}
    fullest: list[BudgetState | None] = []

    def number(found: re.Match[str]) -> str:
        if found[1].partition(".")[0] == "budget":
            _refuse_unknown_of_budget(found[1])
            # Asked of the ledger once, however many fields there are.
            if not fullest:
                fullest.append(_fullest(ledger, budgets, accounting, now))
            return _of_budget(fullest[0], found[1].partition(".")[2], now)
        if found[1].partition(":")[0] == UNREADABLE:
            return _of_unreadable(unreadable, found[1])
        name, field, exact = _parsed(found[1])
        if name not in ranges:
            ranges[name] = _numbers(_usage(name, ledger, now), accounting)
        if field == _USAGE:
            return _in_words(ranges[name], exact=exact)
        value = ranges[name][field]
        if field == "cost":
            return words.dollars(value)
        return words.exact(value) if exact else words.compact(value)

    line = words.plain(_FIELD.sub(number, template))
    reading = NOT_BEGUN if ledger is None else ledger.reading()
    if reading is not None:
        part = f"history read: {reading.percent} %" if reading.looked_at else "history not read yet"
        line = f"{line} ({part})"
    # Whoever has no field for it must not take the numbers for whole either.
    says_so = any(field.partition(":")[0] == UNREADABLE for field in _FIELD.findall(template))
    return line if says_so or not unreadable else f"{line} ({_of_unreadable(unreadable, UNREADABLE)})"


def _in_words(numbers: Mapping[str, int], *, exact: bool) -> str:
    tokens, cost = numbers["tokens"], numbers["cost"]
    said = f"{words.exact(tokens) if exact else words.compact(tokens)} {form_for(tokens, 'token')}"
    return f"{said}, {words.dollars(cost)} USD" if cost else said


def _of_unreadable(number: int, field: str) -> str:
    match field.removeprefix(UNREADABLE):
        case "":
            return f"! {counted(number, 'store')} unreadable" if number else ""
        case ":exact":
            return str(number)
        case _:
            raise _unknown(field)


def _parsed(field: str) -> tuple[RangeName, str, bool]:
    path, _, form = field.partition(":")
    name, _, what = path.partition(".")
    for known in RANGE_NAMES:
        if name == known and what in FIELDS and form in ("", "exact"):
            return known, what, bool(form)
    raise _unknown(field)


def _unknown(field: str) -> UsageError:
    return UsageError(
        f"--format: {{{field}}} is no field. Use {{RANGE.FIELD}}, such as {{today.tokens}} or {{week.cost}}; "
        f"{{today.tokens:exact}} has all digits. RANGE is one of {', '.join(RANGE_NAMES)}. "
        f"FIELD is one of {', '.join(FIELDS)}. "
        f"{{budget}} and {{budget.FIELD}} with one of {', '.join(BUDGET_FIELDS)} show the fullest budget. "
        f"{{{UNREADABLE}}} says how many stores cannot be read now, and {{{UNREADABLE}:exact}} is the number alone."
    )


def _refuse_unknown_of_budget(field: str) -> None:
    _, dot, what = field.partition(".")
    if what not in BUDGET_FIELDS and dot:
        raise _unknown(field)


def _fullest(
    ledger: Queries | None, budgets: Sequence[BudgetSettings], accounting: Accounting, now: datetime
) -> BudgetState | None:
    """Return the budget that is used up most, ``None`` if there is none to show."""
    if ledger is None or not budgets:
        return None
    return max(
        budget_states(budgets, ledger, accounting=accounting, now=now), key=lambda state: state.used / state.limit
    )


def _of_budget(budget: BudgetState | None, field: str, now: datetime) -> str:
    if budget is None:
        return "no budget" if field in ("", "name") else words.NOTHING
    match field:
        case "name":
            return budget.name
        case "used" | "left" | "limit":
            return amount(budget, getattr(budget, field))
        case "reached":
            return pace(budget, now)
        case "percent":
            return words.percent(budget.used / budget.limit)
        case _:
            return f"{budget.name} {words.percent(budget.used / budget.limit)}"


def _usage(name: RangeName, ledger: Queries | None, now: datetime) -> Usage:
    if ledger is None:
        return NO_USAGE
    bounds = named_range(name, now)
    since, until = (None if at is None else round(at.timestamp() * 1000) for at in (bounds.since, bounds.until))
    return ledger.usage(Scope(since_ms=since, until_ms=until))


def _numbers(usage: Usage, accounting: Accounting) -> Mapping[str, int]:
    tokens = shown(usage, accounting)
    counts = (tokens.total, usage.cost_nusd, usage.messages, usage.sessions)
    return dict(zip(_NUMBERS, (*counts, *tokens.by_category()), strict=True))
