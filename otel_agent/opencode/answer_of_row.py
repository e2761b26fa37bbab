"""When the model answered, and when it began to, by a row of 2.x. In 1.x only the parts of a message say it."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from otel_agent.model import KILLED, Message
from otel_agent.opencode.json_values import field, time_ms

_TEXT_FIRST: Final = b'[{"type":"text"'
"""A text has no time, so nothing is known of when such an answer began. Most answers begin like this."""


class _Item(Struct):
    """One item of the answer: text, reasoning or a tool call."""

    type: Any = None
    time: Any = None
    executed: Any = None


_items: Final = msgspec.json.Decoder(list[_Item])
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)


def with_answer(message: Message, streamed_ms: int | None, content: object, *, imported: bool) -> Message:
    """Return the message with the times of its answer.

    ``streamed_ms`` and ``content`` are the row's own. ``imported`` says that 1.x wrote the call. Its completion is then
    the time of the last write to the row of 1.x, and no end of anything.
    """
    created_ms, completed_ms = message.created_ms, message.completed_ms
    if streamed_ms is not None:
        streamed_ms, first_ms = streamed_answer(created_ms, completed_ms, streamed_ms, content)
        return replace(message, response_ms=streamed_ms, first_output_ms=first_ms)
    items = _read(content)
    response_ms = _first_tool_ms(items)
    if response_ms is None and message.error_type == KILLED:
        response_ms = _last_write_ms(items)
    elif response_ms is None and not imported and (message.compaction or not message.may_have_run_tools):
        response_ms = completed_ms
    if response_ms is not None:
        response_ms = max(_not_after(response_ms, completed_ms), created_ms)
    first_ms = _first_output_ms(items, created_ms, response_ms or completed_ms, imported=imported)
    return replace(message, response_ms=response_ms, first_output_ms=first_ms)


def streamed_answer(
    created_ms: int, completed_ms: int | None, streamed_ms: int, content: object
) -> tuple[int, int | None]:
    """Return when an answer had arrived whose row says so, and when its output began, if that is known.

    The import writes no such time.
    """
    response_ms = max(_not_after(streamed_ms, completed_ms), created_ms)
    items = [] if _begins_with_text(content) else _read(content)
    return response_ms, _first_output_ms(items, created_ms, response_ms, imported=False)


def _begins_with_text(content: object) -> bool:
    return isinstance(content, msgspec.Raw) and bytes(memoryview(content)[: len(_TEXT_FIRST)]) == _TEXT_FIRST


def _read(content: object) -> list[_Item]:
    """Return the items; none at all if one has a form that is not known, because the first one might be missing."""
    try:
        if isinstance(content, msgspec.Raw):
            return _items.decode(content)
        return msgspec.convert(content, list[_Item])
    except _UNREADABLE:
        return []


def _first_tool_ms(items: Iterable[_Item]) -> int | None:
    """Return when the first tool began to run: before 2.0 no row says when its answer had arrived.

    A tool that the provider runs is a part of the answer.
    """
    began = (
        time_ms(field(item.time, "ran")) or time_ms(field(item.time, "created"))
        for item in items
        if item.type == "tool" and item.executed is not True
    )
    return min((at for at in began if at is not None), default=None)


def _last_write_ms(items: Iterable[_Item]) -> int | None:
    """Return the last time in what a killed call left behind. The completion of a tool is none of it: the next start
    sets that."""
    times = (
        time_ms(field(item.time, name))
        for item in items
        for name in ("created", "ran", "completed")
        if item.type != "tool" or name != "completed"
    )
    return max((at for at in times if at is not None), default=None)


def _first_output_ms(items: list[_Item], created_ms: int, last_ms: int | None, *, imported: bool) -> int | None:
    """Return when the first item began, if that is within the call. The import gives a tool the time at which it ran, not
    when it was asked for."""
    first = items[0] if items else None
    if first is None or first.type not in ("reasoning", "tool") or (imported and first.type == "tool"):
        return None
    began_ms = time_ms(field(first.time, "created"))
    if began_ms is None or not created_ms <= began_ms <= (last_ms or began_ms):
        return None
    return began_ms


def _not_after(at_ms: int, limit_ms: int | None) -> int:
    return at_ms if limit_ms is None else min(at_ms, limit_ms)
