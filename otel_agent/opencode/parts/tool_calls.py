"""The tool calls of a message, from its parts."""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from otel_agent.model import Message, Outcome, ToolCall
from otel_agent.opencode.ids import minted_after_ms
from otel_agent.opencode.parts.content import SUBAGENT
from otel_agent.opencode.parts.part import TASKS, Part, ToolUse

_TRUE_STARTS: Final = ("write", "apply_patch")
"""Tools that never report progress, so that their start is never rewritten. The model may write their input for a
minute, and the part is made when it begins to."""

_LATEST_MS: Final = 86_400_000
"""OpenCode completes a message after its tools. An end so long after the message's own was written by a wrong clock."""

_SUBAGENTS: Final = frozenset((*TASKS, *SUBAGENT))
"""Any other tool may have a ``sessionId`` in its metadata that is its own affair."""


def tool_calls(message: Message, parts: Iterable[Part], *, restamped: bool) -> list[ToolCall]:
    """Return the message's calls, in the order of its parts. A call that was killed ends with its message.

    ``restamped``: OpenCode rewrote the starts with each piece of output, see ``begin_ms``.
    """
    calls: list[ToolCall] = []
    for part in parts:
        if part.tool_use is None:
            continue
        call = _call(message, part.id, part.tool_use, restamped=restamped)
        calls.append(call)
        calls += [
            replace(
                call,
                id=f"{part.id}:{number}",
                tool=inner.tool,
                outcome=inner.outcome,
                has_span=False,
                input_digest=b"",
                child_session="",
            )
            for number, inner in enumerate(part.tool_use.inner)
        ]
    return calls


def begin_ms(message: Message, part_id: str, use: ToolUse, *, restamped: bool) -> int | None:
    """Return when a call began, ``None`` if its part does not say it.

    1.17 and 1.18 rewrite the start with each piece of output (anomalyco/opencode#32574), so that it lies just before
    the end. The part was made when the model began to ask for the call, and its id says when that was.
    """
    # Earlier releases do so too, but only until the call ends, or when it is broken off.
    lost = use.outcome is Outcome.ABORTED and (use.running or use.started_ms == use.ended_ms)
    if use.started_ms is not None and not lost and (not restamped or use.tool in _TRUE_STARTS):
        return use.started_ms
    made_ms = made_at_ms(message, part_id)
    # An id is not believed that says later than the start or the end, or that no model can have answered yet.
    latest_ms = use.ended_ms if use.started_ms is None else use.started_ms
    if made_ms is None or made_ms == message.created_ms or (latest_ms is not None and made_ms > latest_ms):
        return use.started_ms
    return made_ms


def made_at_ms(message: Message, part_id: str) -> int | None:
    """Return when a part was made, by its id; ``None`` unless that is while its message was under way."""
    late = minted_after_ms(part_id, message.created_ms)
    if late is None or late < 0:
        return None
    made_ms = message.created_ms + late
    return made_ms if message.completed_ms is None or made_ms <= message.completed_ms else None


def _call(message: Message, part_id: str, use: ToolUse, *, restamped: bool) -> ToolCall:
    began_ms = begin_ms(message, part_id, use, restamped=restamped)
    started_ms = message.created_ms if began_ms is None else began_ms
    ended_ms = use.ended_ms
    if ended_ms is None or (message.completed_ms is not None and ended_ms > message.completed_ms + _LATEST_MS):
        ended_ms = message.ended_ms
    return ToolCall(
        id=part_id,
        call_id=use.call_id,
        tool=use.tool,
        outcome=_outcome(message, use),
        saw_child_end=use.saw_child_end,
        input_digest=use.input_digest,
        child_session=use.child_session if use.tool in _SUBAGENTS else "",
        started_ms=started_ms,
        ended_ms=max(ended_ms, started_ms),  # a clock that was set back must not make a span of negative length
    )


def _outcome(message: Message, use: ToolUse) -> Outcome:
    """From 1.14 on a command that a person broke off is completed, without an exit code. So is one whose time was up,
    but then nobody broke off the message."""
    broken_off = use.without_exit and use.outcome is Outcome.OK and message.outcome is Outcome.ABORTED
    return Outcome.ABORTED if broken_off else use.outcome
