"""From the ledger to a view: what a question asks for, as plain values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final, TypeVar

from msgspec.structs import asdict

from otel_agent.ledger.answers import NO_USAGE, Group, ProjectKey, Scope, Usage
from otel_agent.ledger.queries import Queries
from otel_agent.model.project import from_home, project_name
from otel_agent.summary.question import Question
from otel_agent.summary.session_tree import session_rows
from otel_agent.summary.timeline import period_rows
from otel_agent.summary.view import (
    GLOBAL,
    AgentRow,
    Cut,
    Overview,
    Process,
    ProjectRow,
    Row,
    SessionRow,
    View,
    ViewName,
    shown,
)

ACTIVE_MINUTES: Final = 15
"""A session is active while its last message is younger than this."""

_R = TypeVar("_R", bound=Row)


def answer(
    name: ViewName,
    question: Question,
    ledger: Queries | None,
    *,
    now: datetime,
    processes: Sequence[Process] = (),
    configured: Mapping[str, str] | None = None,
    warnings: Sequence[str] = (),
    hints: Sequence[str] = (),
) -> View[Row]:
    """One view of one moment. Without a ledger nothing was counted yet: all is zero.

    ``now`` is in the zone in which a day begins; ``configured`` gives the model for an agent's name in lower case.
    Raises ``LedgerError`` where the ledger cannot be read, ``UsageError`` for a timeline of too many periods.
    """
    active: list[SessionRow] = []
    rows: Sequence[Row] = ()
    cut, totals, newest_ms = None, NO_USAGE, None
    if ledger is not None:
        with ledger.moment():
            asked = _Asked(ledger, question, now)
            rows, cut = _rows(name, asked, configured or {})
            totals, newest_ms = ledger.usage(asked.scope), ledger.newest_ms()
            active = _active(asked) if name == "overview" else []
    view = View(
        name=name,
        range=question.range,
        accounting=question.accounting,
        rows=rows,
        totals=totals,
        cut=cut,
        newest=None if newest_ms is None else datetime.fromtimestamp(newest_ms / 1000, now.tzinfo),
        now=now,
        warnings=tuple(warnings),
        hints=tuple(hints),
    )
    return Overview(**asdict(view), processes=processes, active=active) if name == "overview" else view


class _Asked:
    """A question, on a ledger."""

    def __init__(self, ledger: Queries, question: Question, now: datetime) -> None:
        self.ledger, self.question, self.now = ledger, question, now
        self.scope = _scope(ledger, question)

    def at(self, ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, self.now.tzinfo)

    def in_order(self, groups: Iterable[Group]) -> list[Group]:
        """As the question sorts them; what is equal by name."""
        by_name = sorted(groups, key=lambda group: group.key)
        order = order_of(self.question)
        return by_name if order is None else sorted(by_name, key=order, reverse=self.question.sort != "first")


def order_of(question: Question) -> Callable[[Group], int] | None:
    """By what groups are sorted, the largest first (``first``: the smallest); ``None``: by name."""
    match question.sort:
        case "messages":
            return lambda group: group.usage.messages
        case "cost":
            return lambda group: group.usage.cost_nusd
        case "last":
            return lambda group: group.last_ms
        case "first":
            return lambda group: group.first_ms
        case "name":
            return None
        case _:
            return lambda group: shown(group.usage, question.accounting).total


def _rows(name: ViewName, asked: _Asked, configured: Mapping[str, str]) -> tuple[Sequence[Row], Cut | None]:
    question = asked.question
    match name:
        case "overview" | "models":
            groups = asked.in_order(asked.ledger.by_model(asked.scope))
            return _limited([Row(key="/".join(group.key), usage=group.usage) for group in groups], question.limit)
        case "agents":
            groups = asked.in_order(asked.ledger.by_agent(asked.scope))
            return _limited([_agent(group, configured) for group in groups], question.limit)
        case "projects":
            groups = asked.in_order(asked.ledger.by_project(asked.scope, separate_global=question.separate_global))
            return _limited([_project(asked, group) for group in groups], question.limit, own_sessions=True)
        case "sessions":
            groups = asked.ledger.by_session(asked.scope)
            return _limited(_sessions(asked, groups), question.limit, own_sessions=True)
        case "timeline":
            periods = period_rows(asked.ledger, asked.scope, question, asked.now)
            return _limited(periods, question.limit, latest=question.sort is None)


def _agent(group: Group, configured: Mapping[str, str]) -> AgentRow:
    name = group.key[0]
    return AgentRow(key=name, usage=group.usage, configured=configured.get(name.lower(), ""))


def _project(asked: _Asked, group: Group) -> ProjectRow:
    key = next((part for part in group.key if part), GLOBAL)
    return ProjectRow(key=key, usage=group.usage, first=asked.at(group.first_ms), last=asked.at(group.last_ms))


def _sessions(asked: _Asked, groups: list[Group]) -> list[SessionRow]:
    return session_rows(
        groups,
        asked.ledger.session_facts(),
        at=asked.at,
        order=order_of(asked.question) if asked.question.sort else lambda group: group.last_ms,
        ascending=asked.question.sort == "first",
        rolled_up=asked.question.rolled_up,
    )


def _limited(
    rows: Sequence[_R], limit: int | None, *, own_sessions: bool = False, latest: bool = False
) -> tuple[Sequence[_R], Cut | None]:
    """The rows that are shown, and what the others come to. ``own_sessions``: no session is in two rows."""
    if limit is None or len(rows) <= limit:
        return rows, None
    kept, cut = (rows[-limit:], rows[:-limit]) if latest else (rows[:limit], rows[limit:])
    total = NO_USAGE
    for row in cut:
        total = total.plus(row.usage)
    if not own_sessions:
        total = Usage(total.messages, 0, total.tokens, total.overlap, total.cost_nusd)
    return kept, Cut(len(cut), total)


def _active(asked: _Asked) -> list[SessionRow]:
    """The sessions with a message in the last minutes that the filters let through, with all that they ever used."""
    recent = Scope(
        since_ms=_ms(asked.now - timedelta(minutes=ACTIVE_MINUTES)),
        projects=asked.scope.projects,
        models=asked.scope.models,
        agents=asked.scope.agents,
        sessions=asked.scope.sessions,
    )
    ids = frozenset(group.key[0] for group in asked.ledger.by_session(recent))
    if not ids:
        return []
    found = asked.ledger.by_session(Scope(session_ids=ids))
    flat = session_rows(found, asked.ledger.session_facts(), at=asked.at, order=lambda group: group.last_ms)
    return sorted(flat, key=lambda row: row.last.timestamp(), reverse=True)


def _scope(ledger: Queries, question: Question) -> Scope:
    filters = question.filters
    return Scope(
        since_ms=None if question.range.since is None else _ms(question.range.since),
        until_ms=None if question.range.until is None else _ms(question.range.until),
        projects=_matching(ledger.project_keys(), filters.projects) if filters.projects else None,
        models=filters.models,
        agents=filters.agents,
        sessions=filters.sessions,
    )


def _matching(places: Iterable[ProjectKey], globs: Sequence[str]) -> frozenset[ProjectKey]:
    wanted = [glob.lower().rstrip("/") or "/" for glob in globs]
    return frozenset(
        place for place in places if any(fnmatchcase(name, glob) for name in _names(place) for glob in wanted)
    )


def _names(place: ProjectKey) -> list[str]:
    """By what a person may call a project: its name, its directory, that with ``~``; and what is in none."""
    outside = place.worktree in ("", "/")
    directory = place.directory if outside else place.worktree
    names = [project_name(directory), directory, from_home(directory), *([GLOBAL] if outside else [])]
    return [name.lower() for name in names]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
