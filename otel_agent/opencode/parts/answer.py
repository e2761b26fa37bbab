"""When the model answered, and when it began to, by the parts of a message of 1.x."""

from collections.abc import Sequence
from typing import Final

from otel_agent.model import Answer, Message
from otel_agent.opencode.parts.part import Part
from otel_agent.opencode.parts.tool_calls import begin_ms, made_at_ms

_OUTPUT: Final = ("text", "reasoning", "tool")


def answer(message: Message, parts: Sequence[Part], *, restamped: bool) -> Answer | None:
    """Return what the parts say of the answer, ``None`` if there are none. ``restamped`` is that of ``begin_ms``."""
    if not parts:
        return None
    response_ms = _response_ms(message, parts, restamped=restamped)
    if response_ms is not None and message.completed_ms is not None:
        response_ms = min(response_ms, message.completed_ms)
    return Answer(
        response_ms=response_ms,
        first_output_ms=None if message.is_whole_turn else _first_output_ms(message, parts, response_ms),
        retries=max((part.attempt for part in parts), default=0),
    )


def _response_ms(message: Message, parts: Sequence[Part], *, restamped: bool) -> int | None:
    """Return the time at which the answer had arrived: its first tool began, or its step was finished."""
    tools = [(part.id, part.tool_use) for part in parts if part.tool_use is not None and not part.tool_use.by_provider]
    if tools and message.is_whole_turn:
        return None  # several calls of the model, with their tools in between
    began = [at for id_, use in tools if (at := begin_ms(message, id_, use, restamped=restamped)) is not None]
    if tools:
        return max(min(began), message.created_ms) if began else None
    finished = [made_at_ms(message, part.id) for part in parts if part.kind == "step-finish"]
    # No step is finished in the millisecond in which it began: such an id carries another time.
    return max((at for at in finished if at is not None and at > message.created_ms), default=message.completed_ms)


def _first_output_ms(message: Message, parts: Sequence[Part], response_ms: int | None) -> int | None:
    """Return when the first part of the answer began. A part without a known time may have been the first."""
    began = [
        part.began_ms if part.began_ms is not None else made_at_ms(message, part.id)
        for part in parts
        if part.kind in _OUTPUT
    ]
    first_ms = min((at for at in began if at is not None), default=None)
    if first_ms is None or not all(_is_within(message, at) for at in began):
        return None
    return None if response_ms is not None and first_ms > response_ms else first_ms


def _is_within(message: Message, at_ms: int | None) -> bool:
    """Return True for a time at which the message was under way."""
    if at_ms is None or at_ms < message.created_ms:
        return False
    return message.completed_ms is None or at_ms <= message.completed_ms
