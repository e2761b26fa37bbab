"""What a person goes down to, as plain values: the turns of a session, the calls of a turn, the days of a model.

Everything comes from the ledger. It has no text of a prompt, an answer, or a tool's input.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Literal

from msgspec import Struct

from otel_agent.errors import NothingFound
from otel_agent.ledger.answers import NO_USAGE, Scope, Usage
from otel_agent.ledger.queries import Queries
from otel_agent.ledger.session_calls import KeptCall, MessageOfSession
from otel_agent.model import Message, Outcome, UsageSource
from otel_agent.opencode.git.checkouts import Checkouts
from otel_agent.summary.question import Question, Range
from otel_agent.summary.suggestions import as_shown
from otel_agent.summary.text import words
from otel_agent.summary.timeline import period_rows
from otel_agent.summary.view import PeriodRow, Row, folder_of, project_of


class CallRow(Struct, frozen=True, kw_only=True):
    """One call of a model or of a tool, in a turn."""

    kind: Literal["model", "tool", "other"]
    """``other`` is a message that asked no model, such as a person's own shell command."""
    name: str
    """Provider/model, or the tool's name as OpenCode has it."""
    outcome: Outcome
    error: str = ""
    """The type of a model call's error. OpenCode's text of it is never read."""
    since: datetime | None
    """``None``, as is ``until``, if OpenCode does not record it: a call inside code mode."""
    until: datetime | None
    message: str
    """The id of the message that made the call."""
    agent: str = ""
    finish: str = ""
    usage: Usage = NO_USAGE
    """Only a model call has any."""
    session: str = ""
    """The id of the sub-agent's session that a tool call began or went on with; empty if there is none …"""
    session_title: str = ""
    """… and its title, empty if the ledger does not know it."""

    @property
    def seconds(self) -> float | None:
        """The length of the call, ``None`` if it is not known."""
        return None if self.since is None or self.until is None else (self.until - self.since).total_seconds()


class TurnRow(Row, frozen=True, kw_only=True):
    """One turn: what a person or a calling agent asked, and all that answered it. Its key is the id of the turn."""

    since: datetime
    until: datetime
    outcome: Outcome
    """How its last message ended."""
    error: str
    models: tuple[str, ...]
    """Provider/model, the one that was asked first before the others."""
    agents: tuple[str, ...]
    model_calls: int
    tool_calls: int | None
    """``None`` if the calls of some of its messages are not known: they were made before the ledger began."""
    failed_tool_calls: int
    calls: tuple[CallRow, ...]
    """Model calls and tool calls in the order of their begin."""
    branch: str | None = None
    """The git branch at its begin, empty if it is not known; ``None`` if nobody asked for it."""

    @property
    def seconds(self) -> float:
        """The length of the turn."""
        return (self.until - self.since).total_seconds()


class SessionDetail(Struct, frozen=True, kw_only=True):
    """One session from inside."""

    id: str
    title: str
    parent: str
    """The session whose agent started it; empty if a person did."""
    project: str
    """The directory of its project, ``(global)`` outside any; empty if nothing of it was counted."""
    directory: str = ""
    """Its own directory; empty if it is not known."""
    usage: Usage
    turns: tuple[TurnRow, ...]
    """In the order of their begin. Usage that belongs to no message is in ``beside`` only."""
    beside: Usage
    """What only OpenCode's totals of the session know. It is part of ``usage``."""
    repository: str | None = None
    """The name of the git repository, empty if it is not known; ``None`` if nobody asked for it."""

    @property
    def folder(self) -> str:
        """Where OpenCode opens it: the project's directory, or its own outside any."""
        return folder_of(self.project, self.directory)


def session_named(name: str, ledger: Queries, choice: Callable[[Collection[str]], Iterable[str]]) -> str:
    """Return the id of the one session that a person means: by id, by the end of it that tables show, or by title.

    Raises ``NothingFound`` if there is none, or if there are several. Then it says the lines of a ``choice`` of these.
    """
    if not name.strip():
        raise NothingFound("an empty name means no session. `otel-agent summary sessions` lists them with their ids.")
    facts = ledger.session_facts()
    if name in facts:
        return name
    # Whoever writes a whole title means that session, whatever else its brackets and stars would match.
    found = [key for key, each in facts.items() if each.title.lower() == name.lower()]
    found = found or [
        key
        for key, each in facts.items()
        if any(fnmatchcase(form, glob) for form in (key.lower(), each.title.lower()) for glob in as_shown(name.lower()))
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NothingFound(f"no session is called {name}. `otel-agent summary sessions` lists them with their ids.")
    lines = "\n".join(choice(found))
    raise NothingFound(f"{len(found):,} sessions are called {words.plain(name)}. Name one by its id:\n{lines}")


def session_detail(
    session_id: str, ledger: Queries, now: datetime, checkouts: Checkouts | None = None
) -> SessionDetail:
    """Return a session with its turns and their calls. ``now`` is in the zone of the times.

    ``checkouts`` adds repository and branches. Raises ``LedgerError`` for a ledger of an older version, which knows no calls.
    """
    found = ledger.session(session_id)
    facts = ledger.session_facts([session_id]).get(session_id)
    counted = [each for each in found if each.message.source is not UsageSource.UNATTRIBUTED]
    turns: dict[str, list[MessageOfSession]] = {}
    for each in counted:
        turns.setdefault(each.message.turn, []).append(each)
    called = {call.session_id for each in counted for call in each.calls or () if call.session_id}
    titles = {key: each.title for key, each in ledger.session_facts(called).items()} if called else {}
    rows = [_turn(key, of_turn, now, titles, checkouts) for key, of_turn in turns.items()]
    beside = [each.message for each in found if each.message.source is UsageSource.UNATTRIBUTED]
    return SessionDetail(
        id=session_id,
        title=facts.title if facts else "",
        parent=facts.parent_id if facts else "",
        # As ``Queries.by_session`` has it: its folder may have become a repository in between.
        project=project_of(max(each.message.worktree for each in found)) if found else "",
        directory=max((each.message.directory for each in found), default=""),
        usage=_usage([each.message for each in found]),
        turns=tuple(sorted(rows, key=lambda row: row.since)),
        beside=_usage(beside),
        repository=_repository([each.message for each in counted], checkouts),
    )


def no_session(session_id: str) -> SessionDetail:
    """Return a session without anything counted."""
    return SessionDetail(id=session_id, title="", parent="", project="", usage=NO_USAGE, turns=(), beside=NO_USAGE)


def days_of_model(model: str, ledger: Queries, now: datetime) -> list[PeriodRow]:
    """Return the usage of one model, ``provider/model`` as the view of models has it, by day. Days without any are left out."""
    provider, _, name = model.rpartition("/") if model.count("/") < 2 else model.partition("/")
    question = Question(range=Range("all", None, None, str(now.tzinfo)))
    # The usage that only totals know has a name of ours instead of a model, and no provider.
    rows = period_rows(ledger, Scope(model=(provider, name)), question, now)
    return [row for row in rows if row.usage.is_any]


def _repository(messages: Sequence[Message], checkouts: Checkouts | None) -> str | None:
    if checkouts is None:
        return None
    return checkouts.of(messages[-1], messages[-1].created_ms).repository if messages else ""


def _turn(
    key: str,
    of_turn: Sequence[MessageOfSession],
    now: datetime,
    titles: Mapping[str, str],
    checkouts: Checkouts | None,
) -> TurnRow:
    messages = [each.message for each in of_turn]
    last = max(messages, key=lambda message: message.ended_ms)
    began = [each.turn_began_ms for each in of_turn if each.turn_began_ms is not None]
    since_ms = min([*began, *(message.created_ms for message in messages)])
    tools = [call for each in of_turn for call in each.calls or ()]
    known = all(each.calls is not None for each in of_turn)
    calls = [row for each in of_turn for row in _calls(each, now, titles)]
    return TurnRow(
        key=key,
        usage=_usage(messages),
        since=_at(since_ms, now),
        until=_at(max(last.ended_ms, since_ms), now),
        outcome=last.outcome,
        error=last.error_type,
        models=tuple(dict.fromkeys(_model(message) for message in messages if message.calls_model)),
        agents=tuple(dict.fromkeys(message.agent for message in messages)),
        model_calls=sum(message.calls_model for message in messages),
        tool_calls=len(tools) if known else None,
        failed_tool_calls=sum(call.outcome is Outcome.ERROR for call in tools),
        calls=tuple(calls),
        branch=checkouts.of(last, since_ms).branch if checkouts else None,
    )


def _calls(of: MessageOfSession, now: datetime, titles: Mapping[str, str]) -> list[CallRow]:
    message = of.message
    asked = CallRow(
        kind="model" if message.calls_model else "other",
        name=_model(message) if message.calls_model else "",
        outcome=message.outcome,
        error=message.error_type,
        since=_at(message.created_ms, now),
        until=_at(max(message.call_ended_ms, message.created_ms), now),
        message=message.id,
        agent=message.agent,
        finish=message.finish,
        usage=_usage([message]),
    )
    return [asked, *(_tool(message, call, now, titles) for call in of.calls or ())]


def _tool(message: Message, call: KeptCall, now: datetime, titles: Mapping[str, str]) -> CallRow:
    return CallRow(
        kind="tool",
        name=call.tool,
        outcome=call.outcome,
        since=None if call.started_ms is None else _at(call.started_ms, now),
        until=None if call.ended_ms is None else _at(call.ended_ms, now),
        message=message.id,
        agent=message.agent,
        session=call.session_id,
        session_title=titles.get(call.session_id, ""),
    )


def _model(message: Message) -> str:
    return "/".join(filter(None, (message.provider, message.model)))


def _usage(messages: Sequence[Message]) -> Usage:
    """Return the sum of messages of one session."""
    total = NO_USAGE
    for message in messages:
        counts = int(message.source is not UsageSource.UNATTRIBUTED)
        total = total.plus(Usage(counts, 0, message.tokens, message.overlap, message.cost_nusd))
    return Usage(total.messages, int(bool(messages)), total.tokens, total.overlap, total.cost_nusd)


def _at(ms: int, now: datetime) -> datetime:
    return datetime.fromtimestamp(ms / 1000, now.tzinfo)
