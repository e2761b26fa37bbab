"""Answer a question from the ledger: the result is a view of plain values."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from otel_agent.ledger.answers import NO_USAGE, UNATTRIBUTED, Group, ProjectKey, Scope, Usage
from otel_agent.ledger.queries import Queries
from otel_agent.ledger.reading import NOT_BEGUN, Reading
from otel_agent.model.agent_name import agent_name
from otel_agent.model.project import from_home, is_outside_any, project_name
from otel_agent.summary.question import Question
from otel_agent.summary.session_tree import session_rows
from otel_agent.summary.timeline import period_rows
from otel_agent.summary.view import (
    GLOBAL,
    Activity,
    AgentRow,
    Cut,
    Process,
    ProjectRow,
    Row,
    SessionRow,
    View,
    ViewName,
    shown,
)

ModelOf = Callable[[str], str]
"""Returns the configured model of an OpenCode agent, empty if it has none."""

ACTIVE_MINUTES: Final = 15
"""A session is active while its last message is younger than this."""


def answer(
    name: ViewName,
    question: Question,
    ledger: Queries | None,
    *,
    now: datetime,
    processes: Sequence[Process] = (),
    configured: ModelOf = lambda _: "",
    warnings: Sequence[str] = (),
    hints: Sequence[str] = (),
) -> View:
    """Answer one view, as of one moment. If ``ledger`` is ``None``, nothing was counted yet and all numbers are zero.

    ``now`` is in the zone in which a day begins; ``configured`` returns the model that the configuration gives an agent.
    Raises ``LedgerError`` if the ledger cannot be read, ``UsageError`` if a timeline has too many periods.
    """
    figures = _Figures() if ledger is None else _figures(name, question, ledger, now, configured)
    return View(
        name=name,
        question=question,
        rows=figures.rows,
        totals=figures.totals,
        unattributed=figures.unattributed,
        cut=figures.cut,
        newest=None if figures.newest_ms is None else _local_time(figures.newest_ms, now),
        now=now,
        activity=Activity(processes, figures.active) if name == "overview" else None,
        warnings=tuple(warnings),
        hints=tuple(hints),
        reading=figures.reading,
    )


class _Figures(Struct, frozen=True):
    """The part of a view that comes from the ledger. The defaults are those of an empty one."""

    rows: Sequence[Row] = ()
    cut: Cut | None = None
    totals: Usage = NO_USAGE
    unattributed: Usage = NO_USAGE
    newest_ms: int | None = None
    active: Sequence[SessionRow] = ()
    reading: Reading | None = NOT_BEGUN


def _figures(name: ViewName, question: Question, ledger: Queries, now: datetime, configured: ModelOf) -> _Figures:
    # One read transaction: rows and totals agree even if an agent writes meanwhile.
    with ledger.moment():
        asked = _Asked(ledger, question, now)
        rows, cut = _rows(name, asked, configured)
        active = _active(asked) if name == "overview" else []
        totals, unattributed = ledger.usage(asked.scope), ledger.unattributed(asked.scope)
        return _Figures(rows, cut, totals, unattributed, ledger.newest_ms(), active, ledger.reading())


class _Asked:
    """A question that is put to one ledger at one moment."""

    def __init__(self, ledger: Queries, question: Question, now: datetime) -> None:
        self.ledger, self.question, self.now = ledger, question, now
        self.scope = _scope(ledger, question)

    def at(self, ms: int) -> datetime:
        """Return the moment, given in milliseconds since the Unix epoch, in the zone of the question."""
        return _local_time(ms, self.now)

    def in_order(self, groups: Iterable[Group]) -> list[Group]:
        """Sort groups as the question asks; equal ones by name."""
        by_name = sorted(groups, key=lambda group: group.key)
        order = order_of(self.question)
        # Sorting is stable, so rows with the same number keep the order of their names.
        return by_name if order is None else sorted(by_name, key=order, reverse=self.question.sort != "first")


def order_of(question: Question) -> Callable[[Group], int] | None:
    """Return the number by which groups are sorted, or ``None`` to sort by name.

    The largest number comes first, except for ``first``, where the smallest does.
    """
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


def _rows(name: ViewName, asked: _Asked, configured: ModelOf) -> tuple[Sequence[Row], Cut | None]:
    question = asked.question
    match name:
        case "overview" | "models":
            groups = asked.in_order(asked.ledger.by_model(asked.scope))
            return _limited([Row(key=_model(group), usage=group.usage) for group in groups], question.limit)
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
            # Periods are in order of time unless sorted otherwise; then the latest matter most to a reader.
            periods = period_rows(asked.ledger, asked.scope, question, asked.now)
            return _limited(periods, question.limit, latest=question.sort is None)


def _model(group: Group) -> str:
    provider, model = group.key
    # A compaction of 2.x that failed names neither; tables show an empty name as "(unknown)".
    return model if model == UNATTRIBUTED else "/".join(filter(None, (provider, model)))


def _agent(group: Group, configured: ModelOf) -> AgentRow:
    name = group.key[0]
    return AgentRow(key=name, usage=group.usage, configured=configured(name))


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
    rows: Sequence[Row], limit: int | None, *, own_sessions: bool = False, latest: bool = False
) -> tuple[Sequence[Row], Cut | None]:
    """Return the rows to show, and the sum of the others.

    ``own_sessions`` says that no session is in two rows, so that their sessions may be added up. ``latest`` keeps the
    end of the rows instead of their beginning.
    """
    if limit is None or len(rows) <= limit:
        return rows, None
    kept, cut = (rows[-limit:], rows[:-limit]) if latest else (rows[:limit], rows[limit:])
    total = NO_USAGE
    for row in cut:
        total = total.plus(row.usage)
    if not own_sessions:
        # Models share sessions: a sum would count a session once for each model it used.
        total = Usage(total.messages, 0, total.tokens, total.overlap, total.cost_nusd)
    return kept, Cut(len(cut), total)


def _active(asked: _Asked) -> list[SessionRow]:
    """Return the sessions that had a message in the last minutes and pass the filters, the latest first."""
    # Which sessions are active: by the filters, but whatever the range of the question.
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
    # The second query has no range: an active session is shown with all the usage it ever had.
    found = asked.ledger.by_session(Scope(session_ids=ids))
    flat = session_rows(found, asked.ledger.session_facts(ids), at=asked.at, order=lambda group: group.last_ms)
    return sorted(flat, key=lambda row: row.last.timestamp(), reverse=True)


def _scope(ledger: Queries, question: Question) -> Scope:
    filters = question.filters
    # `None` lets everything pass; an empty set of places, when no glob matches, lets nothing pass.
    return Scope(
        since_ms=None if question.range.since is None else _ms(question.range.since),
        until_ms=None if question.range.until is None else _ms(question.range.until),
        projects=_matching(ledger.project_keys(), filters.projects) if filters.projects else None,
        models=filters.models,
        # A name that was copied from elsewhere may have invisible characters, which no name here has.
        agents=tuple(agent_name(glob) for glob in filters.agents),
        sessions=filters.sessions,
    )


def _matching(places: Iterable[ProjectKey], globs: Sequence[str]) -> frozenset[ProjectKey]:
    # A trailing slash means the same directory; a single slash is the root and stays.
    wanted = [glob.lower().rstrip("/") or "/" for glob in globs]
    return frozenset(
        place for place in places if any(fnmatchcase(name, glob) for name in _names(place) for glob in wanted)
    )


def _names(place: ProjectKey) -> list[str]:
    """List the names by which a person may ask for a project: its name, and its directory with and without ``~``.

    A directory outside any project also answers to ``(global)``.
    """
    outside = is_outside_any(place.worktree)
    directory = place.directory if outside else place.worktree
    names = [project_name(directory), directory, from_home(directory), *([GLOBAL] if outside else [])]
    return [name.lower() for name in names]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _local_time(ms: int, now: datetime) -> datetime:
    return datetime.fromtimestamp(ms / 1000, now.tzinfo)
