"""The tool calls that a message's parts record, and which of them began a sub-agent's turn.

Asked only about messages that have just been counted: parts hold whole prompts and outputs, in stores of tens of
gigabytes. Of a part we build its names, status and times; what went into the tool and what came out is skipped unread.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from threading import Event
from time import monotonic, time
from typing import Any, Final

import msgspec
from msgspec import Struct

from otel_agent.model import Caller, Message, Outcome, Session, ToolCall, Unreadable
from otel_agent.opencode import decode
from otel_agent.opencode.bounded_files import listing, read_bounded
from otel_agent.opencode.ids import minted_after_ms
from otel_agent.opencode.json_tree.layout import Layout
from otel_agent.opencode.parts.usage import MAX_PARTS

RECENT: Final = 8
"""Messages of the parent session that are looked through for the call that began a sub-agent: it is in the last one,
or, where several began at once, close to it."""
_TASK: Final = "task"
"""The tool that calls a sub-agent."""
_ABORTED: Final = "Tool execution aborted"
"""What OpenCode writes as the error of a call that a person broke off."""
_PATIENCE_S: Final = 0.5
"""Seconds for which a part is asked again that is being written: OpenCode may have to wait for a processor meanwhile."""
_PAUSE_S: Final = 0.002
_BEING_WRITTEN_S: Final = 2.0
"""Seconds since its last change after which a torn part is one whose writer was killed: nothing is waited for."""
_SLACK_MS: Final = 2_000
"""A call is written down a moment before or after the message that it leads to."""

Part = tuple[str, bytes]
"""A part's id and its JSON."""


class _Part(Struct):
    type: Any = None
    tool: Any = None
    callID: Any = None
    state: msgspec.Raw = msgspec.Raw(b"null")


class _State(Struct):
    status: Any = None
    time: Any = None
    error: Any = None
    metadata: msgspec.Raw = msgspec.Raw(b"null")


class _Metadata(Struct):
    sessionId: Any = None
    interrupted: Any = None


_parts: Final = msgspec.json.Decoder(_Part)
_states: Final = msgspec.json.Decoder(_State)
_metadatas: Final = msgspec.json.Decoder(_Metadata)


class _Recorded(Struct):
    part: _Part
    state: _State
    metadata: _Metadata
    started_ms: int | None
    ended_ms: int | None


def in_message(message: Message, found: Iterable[Part]) -> list[ToolCall]:
    """The message's calls, in the order of its parts. One that was killed ends with its message."""
    return [call for part_id, raw in found if (call := _call(message, part_id, raw)) is not None]


def in_tree(layout: Layout, message: Message) -> list[ToolCall]:
    """Parts that cannot be read are left out: a message counts without them."""
    return in_message(message, sorted(_parts_in_tree(layout, message.session_id, message.id)))


def caller_in_tree(
    layout: Layout, session_of: Callable[[str], Session | None], session: Session, at_ms: int
) -> Caller | None:
    folder = layout.messages / session.parent_id
    names = (entry.name.removesuffix(".json") for entry in listing(folder, []) if entry.name.endswith(".json"))
    recent = sorted((name for name in names if (minted_after_ms(name, at_ms) or 0) <= _SLACK_MS), reverse=True)
    for name in recent[:RECENT]:
        part_id = which_began(session.id, at_ms, _parts_in_tree(layout, session.parent_id, name))
        if part_id:
            parent = session_of(session.parent_id) or Session(session.parent_id)
            return Caller(part_id, turn_of(_read(str(folder / f"{name}.json"))) or name, parent)
    return None


def turn_of(raw: object) -> str:
    """The user message that a message answers; empty where its JSON does not tell."""
    try:
        return decode.text(decode.parse(raw).parentID) if isinstance(raw, bytes) else ""
    except decode.Malformed:
        return ""


def which_began(session_id: str, at_ms: int, found: Iterable[Part]) -> str | None:
    """The id of the part whose call began a turn of this session at ``at_ms``: a session can be called again, and it was
    the last call before. When the part was made tells that: up to 1.1 OpenCode writes the start of a call anew for as
    long as its sub-agent works. Where no part names the session, it is the one running task that names none, if there is
    just one: with the real 1.1.27 on a busy machine such a turn was lost to its caller."""
    began: list[tuple[int, str]] = []
    silent: list[str] = []
    for part_id, raw in found:
        recorded = _recorded(raw)
        if recorded is None:
            continue
        made = minted_after_ms(part_id, at_ms)
        late_ms = made if made is not None else (recorded.started_ms or at_ms) - at_ms
        if late_ms > _SLACK_MS:
            continue
        if recorded.metadata.sessionId == session_id:
            began.append((late_ms, part_id))
        elif recorded.part.tool == _TASK and recorded.state.status == "running" and not recorded.metadata.sessionId:
            silent.append(part_id)
    if began:
        return max(began)[1]
    return silent[0] if len(silent) == 1 else None


def _call(message: Message, part_id: str, raw: bytes) -> ToolCall | None:
    recorded = _recorded(raw)
    if recorded is None:
        return None
    started_ms = message.created_ms if recorded.started_ms is None else recorded.started_ms
    ended_ms = max(message.ended_ms, started_ms) if recorded.ended_ms is None else recorded.ended_ms
    return ToolCall(
        id=decode.text(part_id),
        call_id=decode.text(recorded.part.callID),
        tool=decode.text(recorded.part.tool),
        outcome=_outcome(recorded),
        started_ms=started_ms,
        ended_ms=max(ended_ms, started_ms),
    )


def _outcome(recorded: _Recorded) -> Outcome:
    """A call that neither ended well nor failed was under way when its OpenCode ended."""
    if recorded.state.status == "completed":
        return Outcome.OK
    broken_off = recorded.state.error == _ABORTED or recorded.metadata.interrupted is True
    return Outcome.ERROR if recorded.state.status == "error" and not broken_off else Outcome.ABORTED


def _recorded(raw: bytes) -> _Recorded | None:
    """``None`` for a part that is no tool call, and for one whose form is not known."""
    try:
        part = _parts.decode(raw)
        if part.type != "tool" or not decode.text(part.tool):
            return None
        state = _states.decode(part.state)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return _Recorded(
        part,
        state,
        _metadata(state.metadata),
        decode.time_ms(decode.field(state.time, "start")),
        decode.time_ms(decode.field(state.time, "end")),
    )


def _metadata(raw: msgspec.Raw) -> _Metadata:
    """Each tool writes its own."""
    try:
        return _metadatas.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Metadata()


def _parts_in_tree(layout: Layout, session_id: str, message_id: str) -> Iterator[Part]:
    for entry in islice(listing(layout.parts(session_id, message_id), []), MAX_PARTS):
        yield entry.name.removesuffix(".json"), _whole(entry.path)


def _whole(path: str) -> bytes:
    """OpenCode writes a running call's part anew and anew, in place: one that was caught in the middle of it is whole a
    moment later. A sub-agent whose call is missed would be a trace of its own, for ever."""
    give_up, pause = monotonic() + _PATIENCE_S, Event()
    while True:
        raw = _read(path) or b""
        if _is_whole(raw) or monotonic() > give_up or not _is_being_written(path):
            return raw
        pause.wait(_PAUSE_S)


def _is_whole(raw: bytes) -> bool:
    try:
        _parts.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _is_being_written(path: str) -> bool:
    try:
        return abs(time() - Path(path).stat().st_mtime) < _BEING_WRITTEN_S
    except OSError:
        return False


def _read(path: str) -> bytes | None:
    try:
        return read_bounded(path, decode.MAX_BYTES)
    except Unreadable:
        return None
