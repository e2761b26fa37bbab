"""Answer a question from the ledger: the result is a view of plain values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.ledger.answers import NO_USAGE, Group, Scope, SessionFacts, Usage
from otel_agent.ledger.queries import Queries
from otel_agent.ledger.reading import NOT_BEGUN, Reading
from otel_agent.opencode.mcp_servers import Servers
from otel_agent.summary.comparison import compared, question_before
from otel_agent.summary.equivalents import Wanted, equivalents, model_key, project_key
from otel_agent.summary.first_sessions import amount_of, first_sessions
from otel_agent.summary.limit import limited, sum_of
from otel_agent.summary.loops_seen import loops_seen
from otel_agent.summary.prices import Equivalents, Prices
from otel_agent.summary.question import Question
from otel_agent.summary.rhythm import rhythm
from otel_agent.summary.scope import scope_of
from otel_agent.summary.session_tree import session_rows
from otel_agent.summary.suggestions import suggestions
from otel_agent.summary.timeline import period_rows
from otel_agent.summary.tools import tool_rows
from otel_agent.summary.trend import trend
from otel_agent.summary.view import (
    Activity,
    AgentRow,
    Before,
    Cut,
    LoopSeen,
    Process,
    ProjectRow,
    Rhythm,
    Row,
    SessionRow,
    ToolCalls,
    Trend,
    View,
    ViewName,
    shown,
)

ModelOf = Callable[[str], str]
"""Returns the configured model of an OpenCode agent, empty if it has none."""

NO_SERVERS: Final = Servers()
"""Nothing configured."""

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
    servers: Servers = NO_SERVERS,
    prices: Prices | None = None,
) -> View:
    """Answer one view, as of one moment. If ``ledger`` is ``None``, nothing was counted yet and all numbers are zero.

    ``now`` is in the zone in which a day begins. ``configured`` returns the model that the configuration gives an
    agent, and ``servers`` are the MCP servers that it names. ``prices`` are a person's own.
    Raises ``LedgerError`` if the ledger cannot be read, ``NothingFound`` if a timeline has too many periods.
    """
    figures = _Figures() if ledger is None else _figures(name, question, ledger, now, configured, servers, prices)
    return View(
        name=name,
        question=question,
        rows=figures.rows,
        totals=figures.totals,
        unattributed=figures.unattributed,
        cut=figures.cut,
        before=figures.before,
        newest=None if figures.newest_ms is None else _local_time(figures.newest_ms, now),
        now=now,
        equivalents=figures.equivalents,
        trend=figures.trend,
        tools=figures.tools,
        loops=figures.loops,
        rhythm=figures.rhythm,
        activity=Activity(processes, figures.active) if name == "overview" else None,
        warnings=tuple(warnings),
        hints=(*figures.suggestions, *hints),
        reading=figures.reading,
    )


class _Figures(Struct, frozen=True):
    """The part of a view that comes from the ledger. The defaults are those of an empty one."""

    rows: Sequence[Row] = ()
    cut: Cut | None = None
    before: Before | None = None
    totals: Usage = NO_USAGE
    unattributed: Usage = NO_USAGE
    newest_ms: int | None = None
    active: Sequence[SessionRow] = ()
    equivalents: Equivalents | None = None
    trend: Trend | None = None
    rhythm: Rhythm | None = None
    suggestions: Sequence[str] = ()
    reading: Reading | None = NOT_BEGUN
    tools: ToolCalls | None = None
    loops: Sequence[LoopSeen] = ()


def _figures(
    name: ViewName,
    question: Question,
    ledger: Queries,
    now: datetime,
    configured: ModelOf,
    servers: Servers,
    prices: Prices | None,
) -> _Figures:
    # One read transaction: rows and totals agree even if an agent writes meanwhile.
    with ledger.moment():
        asked = _Asked(ledger, question, now)
        totals, unattributed = ledger.usage(asked.scope), ledger.unattributed(asked.scope)
        tools: ToolCalls | None = None
        before: Before | None = None
        if name == "tools":
            every_tool, tools = tool_rows(ledger, asked.scope, question, servers, asked.at)
            rows, cut = limited(name, every_tool, question)
        else:
            rows, cut, before = _shown(name, asked, configured, totals)
        active = _active(asked) if name == "overview" else []
        steps = trend(ledger, asked.scope, question, now) if question.with_trend else None
        week: Rhythm | None = None
        if question.with_rhythm and name in ("overview", "timeline"):
            week = rhythm(ledger.by_slot(asked.scope), question.accounting, now)
        tried = [] if totals.is_any else list(suggestions(question.filters, ledger))
        return _Figures(
            rows=rows,
            cut=cut,
            before=before,
            totals=totals,
            unattributed=unattributed,
            newest_ms=ledger.newest_ms(),
            active=active,
            equivalents=None
            if prices is None
            else equivalents(Wanted(name, question, asked.scope, rows, active), ledger, prices),
            trend=steps,
            rhythm=week,
            suggestions=tried,
            reading=ledger.reading(),
            tools=tools,
            loops=loops_seen(ledger, asked.scope, asked.at) if name == "overview" else (),
        )


class _Asked:
    """A question that is put to one ledger at one moment."""

    def __init__(self, ledger: Queries, question: Question, now: datetime) -> None:
        self.ledger, self.question, self.now = ledger, question, now
        self.scope = scope_of(question, ledger)

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

    The largest number comes first; for ``first`` the smallest does.
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


def _shown(
    name: ViewName, asked: _Asked, configured: ModelOf, totals: Usage
) -> tuple[Sequence[Row], Cut | None, Before | None]:
    """Return the rows to show, the sum of the others, and the time before if the question compares with it."""
    question, ledger = asked.question, asked.ledger
    earlier = question_before(name, question, asked.now)
    if earlier is None and name == "sessions" and (first := _first_sessions(asked, totals)):
        return *first, None
    rows, before = _rows(name, asked, configured), None
    if earlier is not None:
        then = _Asked(ledger, earlier, asked.now)
        rows, before = compared(rows, earlier.range, _rows(name, then, configured), ledger.usage(then.scope))
    return *limited(name, rows, question), before


def _rows(name: ViewName, asked: _Asked, configured: ModelOf) -> Sequence[Row]:
    ledger, question, scope = asked.ledger, asked.question, asked.scope
    match name:
        case "overview" | "models":
            return [
                Row(key=model_key(group.key), usage=group.usage) for group in asked.in_order(ledger.by_model(scope))
            ]
        case "agents":
            return [_agent(group, configured) for group in asked.in_order(ledger.by_agent(scope))]
        case "projects":
            groups = ledger.by_project(scope, separate_global=question.separate_global)
            return [_project(asked, group) for group in asked.in_order(groups)]
        case "sessions":
            return _sessions(asked, ledger.by_session(scope), ledger.session_facts())
        case "timeline":
            return period_rows(ledger, scope, question, asked.now)
        case "tools":
            raise ValueError("rows of tools come with their sums: tool_rows")


def _agent(group: Group, configured: ModelOf) -> AgentRow:
    name = group.key[0]
    return AgentRow(key=name, usage=group.usage, configured=configured(name))


def _project(asked: _Asked, group: Group) -> ProjectRow:
    key = project_key(group.key)
    directory = next(filter(None, group.key), "")
    first, last = asked.at(group.first_ms), asked.at(group.last_ms)
    return ProjectRow(key=key, usage=group.usage, directory=directory, first=first, last=last)


def _first_sessions(asked: _Asked, totals: Usage) -> tuple[list[SessionRow], Cut | None] | None:
    """Return the sessions to show if there is a limit, and the sum of the others; ``None`` if all have to be read for that."""
    limit = asked.question.limit
    amounts = None if limit is None else asked.ledger.session_amounts(asked.scope, amount_of(asked.question))
    if limit is None or amounts is None:
        return None
    first = first_sessions(amounts, asked.ledger.session_facts, asked.question, limit)
    groups = asked.ledger.by_session(replace(asked.scope, session_ids=first.session_ids))
    rows = _sessions(asked, groups, asked.ledger.session_facts(first.session_ids))[:limit]
    left_out = first.rows - len(rows)
    return rows, Cut(left_out, totals.minus(sum_of("sessions", rows))) if left_out else None


def _sessions(asked: _Asked, groups: list[Group], facts: Mapping[str, SessionFacts]) -> list[SessionRow]:
    return session_rows(
        groups,
        facts,
        at=asked.at,
        order=order_of(asked.question) if asked.question.sort else lambda group: group.last_ms,
        ascending=asked.question.sort == "first",
        rolled_up=asked.question.rolled_up,
    )


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


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _local_time(ms: int, now: datetime) -> datetime:
    return datetime.fromtimestamp(ms / 1000, now.tzinfo)
