"""The two questions about usage that only a message's parts can answer. They are asked rarely."""

from collections.abc import Iterable

from msgspec.structs import replace

from otel_agent.model import Generation, Message, Tokens
from otel_agent.opencode.parts.part import Part
from otel_agent.opencode.tokens import overlap


def wants_parts(message: Message) -> bool:
    """True if the message record alone does not say what it used."""
    return message.is_whole_turn or (message.completed_ms is not None and _may_be_no_call(message))


def with_parts(message: Message, parts: Iterable[Part], session_version: str) -> Message:
    """Return the message with what its parts add: the tokens of all its steps, and whether a model was called at all.

    A message without parts stays as it is: they may have been deleted, and that is no evidence of no call.
    """
    steps, any_part, called = Tokens(), False, False
    for part in parts:
        any_part = True
        called |= part.is_step
        steps = steps.plus(part.tokens)
    # 0.x recorded the tokens of the last step only: the steps of its parts are the whole turn.
    if message.is_whole_turn and steps.total > message.tokens.total:
        whole = replace(message, tokens=message.tokens.at_least(steps))
        return replace(whole, overlap=overlap(whole, None, session_version))
    if any_part and not called and _may_be_no_call(message):
        return replace(message, calls_model=False)
    return message


def _may_be_no_call(message: Message) -> bool:
    # In 2.x each row is a call of a model. What is none has a row of another type, and its parts are in the row itself.
    of_2_x = message.generation is Generation.V2
    return not (message.tokens.total or message.error_type or message.compaction or of_2_x)
