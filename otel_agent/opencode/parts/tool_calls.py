"""The tool calls of a message, from its parts."""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from otel_agent.model import Message, Outcome, ToolCall
from otel_agent.opencode.parts.part import Part, ToolUse

_ABORTED: Final = ("MessageAbortedError", "aborted")
"""The errors of a message that a person broke off."""


def tool_calls(message: Message, parts: Iterable[Part]) -> list[ToolCall]:
    """Return the message's calls, in the order of its parts. A call that was killed ends with its message."""
    calls: list[ToolCall] = []
    for part in parts:
        if part.tool_use is None:
            continue
        call = _call(message, part.id, part.tool_use)
        calls.append(call)
        calls += [
            replace(call, id=f"{part.id}:{number}", tool=inner.tool, outcome=inner.outcome, has_span=False)
            for number, inner in enumerate(part.tool_use.inner)
        ]
    return calls


def _call(message: Message, part_id: str, use: ToolUse) -> ToolCall:
    started_ms = message.created_ms if use.started_ms is None else use.started_ms
    ended_ms = message.ended_ms if use.ended_ms is None else use.ended_ms
    broken_off = use.without_exit and message.error_type in _ABORTED
    return ToolCall(
        id=part_id,
        call_id=use.call_id,
        tool=use.tool,
        outcome=Outcome.ABORTED if broken_off else use.outcome,
        saw_child_end=use.saw_child_end,
        started_ms=started_ms,
        ended_ms=max(ended_ms, started_ms),  # a clock that was set back must not make a span of negative length
    )
