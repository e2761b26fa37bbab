"""What the usage of a view would have cost by a person's prices, beside what OpenCode recorded."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from otel_agent.ledger.answers import UNATTRIBUTED, Group, ModelUsage, Scope
from otel_agent.ledger.queries import Queries
from otel_agent.model import without_overlap
from otel_agent.summary.prices import NO_EQUIVALENT, Equivalent, Equivalents, Prices
from otel_agent.summary.question import Question
from otel_agent.summary.session_tree import session_rows
from otel_agent.summary.view import PeriodRow, Row, SessionRow, ViewName, outside_in

_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class Wanted(Struct, frozen=True):
    """The rows of a view whose amounts are wanted."""

    name: ViewName
    question: Question
    scope: Scope
    rows: Sequence[Row]
    active: Sequence[SessionRow]


def equivalents(wanted: Wanted, ledger: Queries, prices: Prices) -> Equivalents | None:
    """Return the amounts of a view's rows and of their total; ``None`` for tools.

    A message belongs to each tool that it called, so the amounts of tools would add up to more than the total.
    """
    if wanted.name == "tools":
        return None
    models = [_of_model(group) for group in ledger.by_model(wanted.scope)]
    total, without = NO_EQUIVALENT, defaultdict[str, int](int)
    for part in models:
        one = _amount(prices, part)
        total = total.plus(one)
        if one.tokens:
            without[model_key(part.key)] += one.tokens
    key_of = _keys(wanted, ledger)
    ids = frozenset(row.key for row in wanted.active)
    active = ledger.models_of("session", Scope(session_ids=ids)) if ids else ()
    return Equivalents(
        str(prices.file),
        _by_row(_parts(wanted, ledger, models), prices, key_of),
        _by_row(active, prices, _first),
        total,
        dict(sorted(without.items(), key=lambda item: -item[1])),
    )


def model_key(key: tuple[str, ...]) -> str:
    """Return the key of a model's row, from provider and model."""
    provider, model = key
    # A compaction of 2.x that failed names neither; tables show an empty name as "(unknown)".
    return model if model == UNATTRIBUTED else "/".join(filter(None, (provider, model)))


def project_key(key: tuple[str, ...]) -> str:
    """Return the key of a project's row, from its worktree and, outside any project, its directory."""
    worktree, *directory = key
    return worktree or outside_in("".join(directory))


def _first(key: tuple[str, ...]) -> str:
    return key[0]


def _keys(wanted: Wanted, ledger: Queries) -> Callable[[tuple[str, ...]], str]:
    """Return what names the row that shows a group."""
    match wanted.name:
        case "overview" | "models":
            return model_key
        case "projects":
            return project_key
        case "timeline":
            names = {str(_ms(row.since)): row.key for row in wanted.rows if isinstance(row, PeriodRow)}
            return lambda key: names[key[0]]
        case "sessions" if wanted.question.rolled_up:
            tops = _tops(wanted.scope, ledger)
            return lambda key: tops[key[0]]
        case _:
            return _first


def _tops(scope: Scope, ledger: Queries) -> dict[str, str]:
    """Return the session in whose row each session is shown if sub-agents are rolled up."""
    tops, top = dict[str, str](), ""
    for row in session_rows(ledger.by_session(scope), ledger.session_facts(), at=lambda _: _EPOCH, order=None):
        top = top if row.depth else row.key
        tops[row.key] = top
    return tops


def _parts(wanted: Wanted, ledger: Queries, models: Sequence[ModelUsage]) -> Iterable[ModelUsage]:
    """Return the usage of each row by model."""
    scope = wanted.scope
    match wanted.name:
        case "agents":
            return ledger.models_of("agent", scope)
        case "projects":
            return ledger.models_of("place" if wanted.question.separate_global else "project", scope)
        case "sessions":
            return ledger.models_of("session", scope)
        case "timeline":
            periods = [(_ms(row.since), _ms(row.until)) for row in wanted.rows if isinstance(row, PeriodRow)]
            return ledger.models_by_period(scope, periods)
        case _:
            return models


def _of_model(group: Group) -> ModelUsage:
    return ModelUsage(group.key, group.key[0], group.key[1], group.usage)


def _by_row(
    parts: Iterable[ModelUsage], prices: Prices, key_of: Callable[[tuple[str, ...]], str]
) -> dict[str, Equivalent]:
    found = defaultdict[str, Equivalent](lambda: NO_EQUIVALENT)
    for part in parts:
        key = key_of(part.key)
        found[key] = found[key].plus(_amount(prices, part))
    return dict(found)


def _amount(prices: Prices, part: ModelUsage) -> Equivalent:
    """Return what a part costs. Providers bill each token once, whatever the accounting of the view."""
    tokens = without_overlap(part.usage.tokens, part.usage.overlap)
    amount = prices.amount(part.provider, part.model, tokens)
    return Equivalent(0, tokens.total, False) if amount is None else Equivalent(amount, 0, True)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
