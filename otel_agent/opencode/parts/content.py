"""The tool calls in the content of a 2.x message. Inputs and outputs of tools are skipped without being built.

In 2.x a message has no parts of their own: its text, its reasoning and its tool calls are a list in its row.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from otel_agent.model import Outcome, Tokens
from otel_agent.opencode import json_values
from otel_agent.opencode.parts.part import INVALID, MAX_PARTS, InnerCall, Part, ToolUse, digest

SUBAGENT: Final = ("subagent", "task")
"""The tools that call a sub-agent. ``task`` is what 1.x called it, and the import into 2.x keeps that name."""
_NAMED_IN_ERROR: Final = re.compile(r"\(sessionID: (ses_\w+)\)")
"""A call that failed names its session only in the text of its error."""
_ABORTED: Final = ("aborted", "tool.interrupted")
"""The types of errors that say that a person or the end of OpenCode broke the call off."""
_SHELL: Final = ("shell", "bash")
CODE_MODE: Final = "execute"
"""The tool that runs a program of the model's, which calls further tools."""


class Fields(Struct):
    """The fields of one item of content that we use, of any type at all."""

    id: Any = None
    name: Any = None
    time: Any = None
    status: Any = None
    error_type: Any = None
    error_text: Any = None
    child: Any = None
    """The session that a call of a sub-agent began, by what the call returned …"""
    resumed: Any = None
    """… and the one that it was asked to go on with."""
    agent: Any = None
    description: Any = None
    child_status: Any = None
    """``running`` for a sub-agent that goes on in the background."""
    exit: Any = msgspec.UNSET
    """The exit code of a shell; ``None`` if it was broken off, unset if the call records none."""
    input_digest: bytes = b""
    """As in ``ToolCall``."""
    inner: list[tuple[Any, Any]] = []
    """The tool and the status of each call that was made inside code mode."""


class _Row(Struct):
    content: msgspec.Raw = msgspec.Raw(b"[]")


class _Item(Struct):
    type: Any = None
    id: Any = None
    name: Any = None
    time: Any = None
    state: msgspec.Raw = msgspec.Raw(b"null")


class _State(Struct):
    status: Any = None
    error: Any = None
    input: msgspec.Raw = msgspec.Raw(b"null")
    metadata: msgspec.Raw = msgspec.Raw(b"null")
    structured: msgspec.Raw = msgspec.Raw(b"null")


class _Input(Struct):
    agent: Any = None
    description: Any = None
    sessionID: Any = None


class _Inner(Struct):
    tool: Any = None
    status: Any = None


class _Metadata(Struct):
    sessionID: Any = None
    sessionId: Any = None
    status: Any = None
    exit: Any = msgspec.UNSET
    toolCalls: msgspec.Raw = msgspec.Raw(b"[]")


_W = TypeVar("_W")
_rows: Final = msgspec.json.Decoder(_Row)
_lists: Final = msgspec.json.Decoder(list[msgspec.Raw])
_items: Final = msgspec.json.Decoder(_Item)
_states: Final = msgspec.json.Decoder(_State)
_inputs: Final = msgspec.json.Decoder(_Input)
_inners: Final = msgspec.json.Decoder(_Inner)
_metadatas: Final = msgspec.json.Decoder(_Metadata)


class Unreadable(Exception):
    """The strict parser refuses the row as a whole."""


def fields_of(raw: bytes) -> list[Fields]:
    """Return the tool calls in a row's JSON. Raises ``Unreadable``; a single item of an unknown form is left out."""
    try:
        content = _lists.decode(_rows.decode(raw).content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unreadable from None
    return [found for item in content if (found := _fields(item)) is not None]


def _fields(raw: msgspec.Raw) -> Fields | None:
    item = _decoded(_items, raw)
    if item is None or item.type != "tool":
        return None
    state = _decoded(_states, item.state) or _State()
    metadata = _decoded(_metadatas, state.metadata) or _Metadata()
    structured = _decoded(_metadatas, state.structured) or _Metadata()
    # Only a sub-agent's input is looked into: those of other tools can hold whole files.
    asked = (_decoded(_inputs, state.input) if item.name in SUBAGENT else None) or _Input()
    return Fields(
        id=item.id,
        name=item.name,
        time=item.time,
        status=state.status,
        error_type=json_values.field(state.error, "type"),
        error_text=json_values.field(state.error, "message"),
        child=metadata.sessionID or metadata.sessionId or structured.sessionID,
        child_status=metadata.status or structured.status,
        resumed=asked.sessionID,
        agent=asked.agent,
        description=asked.description,
        exit=metadata.exit,
        input_digest=digest(state.input),
        inner=[
            (inner.tool, inner.status)
            for each in (_decoded(_lists, metadata.toolCalls) or [] if item.name == CODE_MODE else [])
            if (inner := _decoded(_inners, each)) is not None
        ],
    )


def _decoded(decoder: "msgspec.json.Decoder[_W]", raw: msgspec.Raw) -> _W | None:
    """Return ``None`` for a form that is not known: each tool has metadata of its own, and releases differ."""
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def parts_of(message_id: str, found: Iterable[Fields]) -> list[Part]:
    """Return the calls as parts. The id of a part is the message's with the call's own, which no other call of it has."""
    parts: list[Part] = []
    met: Counter[str] = Counter()
    for each in found:
        call_id, tool = json_values.text(each.id), json_values.text(each.name)
        # A model may give two calls of one message the same id.
        met[call_id] += 1
        part_id = f"{message_id}/{call_id}" + (f"#{met[call_id]}" if met[call_id] > 1 or not call_id else "")
        if tool and len(parts) < MAX_PARTS:
            parts.append(Part(part_id, is_step=False, tokens=Tokens(), tool_use=_tool_use(each, tool, call_id)))
    return parts


def message_of(part_id: str) -> str:
    """Return the message that a part of this form belongs to; empty for the part of an older generation."""
    return part_id.partition("/")[0] if "/" in part_id else ""


def _tool_use(of: Fields, tool: str, call_id: str) -> ToolUse:
    created_ms = json_values.time_ms(json_values.field(of.time, "created"))
    ran_ms = json_values.time_ms(json_values.field(of.time, "ran"))
    return ToolUse(
        tool=tool,
        call_id=call_id,
        running=of.status == "running",
        outcome=_outcome(of),
        child_session=_child(of) if tool in SUBAGENT else "",
        # The call is created when the model begins to write it down, and runs once it is written.
        started_ms=created_ms if ran_ms is None else ran_ms,
        ended_ms=json_values.time_ms(json_values.field(of.time, "completed")),
        agent=json_values.text(of.agent),
        description=json_values.text(of.description),
        saw_child_end=tool in SUBAGENT and of.status in ("completed", "error") and of.child_status != "running",
        without_exit=tool in _SHELL and of.exit is None,
        input_digest=of.input_digest,
        inner=tuple(
            InnerCall(name, _OUTCOMES.get(status, Outcome.ABORTED) if isinstance(status, str) else Outcome.ABORTED)
            for inner, status in of.inner
            if (name := json_values.text(inner))
        ),
    )


_OUTCOMES: Final = {"completed": Outcome.OK, "error": Outcome.ERROR}


def _outcome(of: Fields) -> Outcome:
    """Return ``ABORTED`` also for a call that never ended: it was at work when its OpenCode did."""
    if of.status == "error":
        return Outcome.ABORTED if of.error_type in _ABORTED else Outcome.ERROR
    if of.status == "completed":
        return Outcome.ERROR if of.name == INVALID else Outcome.OK
    return Outcome.ABORTED


def _child(of: Fields) -> str:
    named = json_values.text(of.child) or json_values.text(of.resumed)
    if named or not isinstance(of.error_text, str):
        return named
    in_error = _NAMED_IN_ERROR.search(of.error_text)
    return json_values.text(in_error[1]) if in_error else ""
