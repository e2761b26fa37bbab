"""The two questions that only a message's parts can answer. They are asked rarely: parts hold whole prompts and
outputs, in stores of tens of gigabytes, so they are read by the message's id and never as a whole."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from otel_agent.model import Message, Tokens
from otel_agent.opencode.decode import overlap, tokens

MAX_PARTS: Final = 10_000
"""Parts of one message that are looked at."""


class _Part(Struct):
    type: Any = None
    tokens: Any = None


_decoder: Final = msgspec.json.Decoder(_Part)


def wants_parts(message: Message) -> bool:
    """Whether the message record alone does not tell what it used."""
    return message.is_whole_turn or (message.completed_ms is not None and _may_be_no_call(message))


def _may_be_no_call(message: Message) -> bool:
    return not message.tokens.total and not message.error_type and not message.compaction


def with_parts(message: Message, parts: Iterable[bytes], session_version: str) -> Message:
    """The message with what its parts add: the tokens of all its steps, and whether a model was called at all.

    A message without parts stays as it is: they may have been deleted, and that is no evidence of no call.
    """
    steps, any_part, called = Tokens(), False, False
    for raw in parts:
        try:
            part = _decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        any_part = True
        called |= part.type in ("step-start", "step-finish")
        if part.type == "step-finish":
            steps = steps.plus(tokens(part.tokens)[0])
    if message.is_whole_turn and steps.total > message.tokens.total:
        whole = replace(message, tokens=message.tokens.at_least(steps))
        return replace(whole, overlap=overlap(whole, None, session_version))
    if any_part and not called and _may_be_no_call(message):
        return replace(message, calls_model=False)
    return message
