"""The tool calls of a message, from its parts."""

from collections.abc import Iterable

from otel_agent.model import Message, ToolCall
from otel_agent.opencode.parts.part import Part, ToolUse


def tool_calls(message: Message, parts: Iterable[Part]) -> list[ToolCall]:
    """Return the message's calls, in the order of its parts. A call that was killed ends with its message."""
    return [_call(message, part.id, part.tool_use) for part in parts if part.tool_use is not None]


def _call(message: Message, part_id: str, use: ToolUse) -> ToolCall:
    started_ms = message.created_ms if use.started_ms is None else use.started_ms
    ended_ms = message.ended_ms if use.ended_ms is None else use.ended_ms
    return ToolCall(
        id=part_id,
        call_id=use.call_id,
        tool=use.tool,
        outcome=use.outcome,
        started_ms=started_ms,
        ended_ms=max(ended_ms, started_ms),  # a clock that was set back must not make a span of negative length
    )
