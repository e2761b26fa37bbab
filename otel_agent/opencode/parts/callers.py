"""The tool call that began a sub-agent's turn."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from otel_agent.model import Outcome, Session
from otel_agent.opencode.ids import minted_after_ms
from otel_agent.opencode.parts.content import CODE_MODE, SUBAGENT
from otel_agent.opencode.parts.part import TASKS, Part, ToolUse

RECENT: Final = 8
"""Messages of the parent session that are looked through for the call. It is in the last one, or close to it if
several calls began at once."""
SLACK_MS: Final = 2_000
"""A call is written down a moment before or after the turn that it began."""
BUSY_MS: Final = 30_000
"""On a busy machine a call is written down seconds after the turn that it began: 1.2.27 and 1.3.0 took up to 2.1 s."""
_TITLE_END: Final = " subagent)"
"""The end of the title that OpenCode 1.x gives the session of a sub-agent."""
_IN_BACKGROUND: Final = "delegate_task"
"""The tool whose call is complete before its sub-agent begins, and never names the session."""


def which_began(session: Session, at_ms: int, parts: Iterable[Part]) -> str | None:
    """Return the id of the part whose call began a turn of this session at ``at_ms``, ``None`` if none of them did.

    A session can be called again: the last call before the turn began it. The time at which the part was made decides.
    The start in the call does not, because up to 1.1 OpenCode rewrites it for as long as the sub-agent works.

    A call may name its session only when it ends. Until then the running task with the agent and the description of the
    session's title began it. Else the only running task did, unless that one is for another sub-agent. A
    ``delegate_task`` need not run any more.
    """
    began: list[tuple[int, str]] = []
    late: list[tuple[int, str]] = []
    silent: list[tuple[Part, int]] = []
    for part in parts:
        use = part.tool_use
        if use is None:
            continue
        made_ms = minted_after_ms(part.id, at_ms)
        late_ms = made_ms if made_ms is not None else (use.started_ms or at_ms) - at_ms
        if late_ms > BUSY_MS:
            continue  # this call began a later turn
        if use.child_session == session.id:
            (began if late_ms <= SLACK_MS else late).append((late_ms, part.id))
        elif use.tool in TASKS and not use.child_session and (use.running or _is_background(use)):
            silent.append((part, late_ms))
    # Of several calls of this session, the last one before the turn began it. One that was written down so late that it
    # could be a later call began the turn only if there is no other.
    if began or late:
        return max(began)[1] if began else min(late)[1]
    return _silent(session, silent)


def _silent(session: Session, calls: Sequence[tuple[Part, int]]) -> str | None:
    """Return which of the running calls that name no session began this one."""
    titles = {part.id: _title(part.tool_use) for part, _ in calls}
    # Several with the same title are all of one message, so each of them gives the right trace.
    if alike := [part.id for part, _ in calls if session.title and titles[part.id] == session.title]:
        return alike[0]
    is_titled = session.title.endswith(_TITLE_END)
    others = [part.id for part, late in calls if late <= SLACK_MS and not (is_titled and titles[part.id])]
    return others[0] if len(others) == 1 else None


def _title(use: ToolUse | None) -> str:
    """Return the title that 1.x gives the session of a call; empty if the call's input is not known."""
    return "" if use is None or not use.agent else f"{use.description} (@{use.agent}{_TITLE_END}"


def _is_background(use: ToolUse) -> bool:
    return use.tool == _IN_BACKGROUND and use.outcome is Outcome.OK


class Began(NamedTuple):
    """The call that began a turn."""

    part_id: str
    saw_end: bool = False
    """True if the call is over, and the turn with it."""


class Origin(NamedTuple):
    """The origin of a turn that neither a person nor a call began."""

    turn_id: str = ""
    """The turn that it goes on with …"""
    child: Session | None = None
    """… or the sub-agent whose end woke the session …"""
    at_ms: int = 0
    """… and when that had been called."""


class Child(Struct, frozen=True):
    """A session of a sub-agent, as its parent's call describes it."""

    id: str
    agent: str
    title: str
    """What the call says that the sub-agent is to do."""


def which_of_2_x(
    child: Child, at_ms: int, parts: Iterable[Part], unnamed: Callable[[Sequence[Part]], Part]
) -> Began | None:
    """Return the call that began a turn of this session at ``at_ms``, ``None`` if none of them did.

    A call names its session when it is complete, or when it goes on with a session. Until then the agent and the
    description tell which one it is. ``unnamed`` decides between several that have the same ones.
    """
    parts = list(parts)
    calls = [(part, use) for part in parts if (use := part.tool_use) is not None and use.tool in SUBAGENT]
    begun = [(_begin(use, at_ms) - at_ms, part.id, use) for part, use in calls if use.child_session == child.id]
    # The last call before the turn. A call can also be written down a moment after the turn that it began.
    before = [each for each in begun if each[0] <= 0]
    after = [each for each in begun if 0 < each[0] <= SLACK_MS]
    if before or after:
        _, part_id, use = max(before, key=_late) if before else min(after, key=_late)
        return Began(part_id, use.saw_child_end)
    at_work = [(part, use) for part, use in calls if not use.child_session and _was_at_work(use, at_ms)]
    alike = [part for part, use in at_work if (use.agent, use.description) == (child.agent, child.title)]
    found = alike or [part for part, _ in at_work]
    if not found:
        return _in_code_mode(parts, at_ms)
    part = found[0] if len(found) == 1 else unnamed(found)
    return Began(part.id, part.tool_use is not None and part.tool_use.saw_child_end)


def _in_code_mode(parts: Sequence[Part], at_ms: int) -> Began | None:
    """Return the last program of code mode that was at work: nothing says which one calls a sub-agent while it runs."""
    programs = [
        (_begin(use, at_ms), part.id)
        for part in parts
        if (use := part.tool_use) is not None
        and use.tool == CODE_MODE
        and _was_at_work(use, at_ms)
        and (use.running or any(inner.tool in SUBAGENT for inner in use.inner))
    ]
    return Began(max(programs)[1]) if programs else None


def _was_at_work(use: ToolUse, at_ms: int) -> bool:
    return _begin(use, at_ms) <= at_ms + SLACK_MS and (use.ended_ms or at_ms) >= at_ms


def _late(call: tuple[int, str, ToolUse]) -> int:
    return call[0]


def _begin(use: ToolUse, at_ms: int) -> int:
    return at_ms if use.started_ms is None else use.started_ms
