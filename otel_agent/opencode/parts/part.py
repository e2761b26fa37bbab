"""One part of a message, from its JSON: names, states and times. The inputs and outputs of tools are skipped, but for a task's agent and description."""

import hashlib
from typing import Any, Final

import msgspec
from msgspec import Struct

from otel_agent.model import Outcome, Tokens
from otel_agent.opencode import json_values
from otel_agent.opencode.tokens import tokens

MAX_PARTS: Final = 10_000
"""Parts of one message that are read at most."""
TASKS: Final = ("task", "delegate_task")
"""The tools of 1.x that call a sub-agent: OpenCode's, and that of oh-my-opencode 3."""
_ABORTED: Final = "Tool execution aborted"
"""The error that OpenCode writes for a call that a person broke off."""
INVALID: Final = "invalid"
"""OpenCode's own tool for a call that names no tool or has wrong arguments. It tells the model, and so ends well."""


class InnerCall(Struct, frozen=True, gc=False):
    """A call that was made inside code mode, without an id and without times."""

    tool: str
    outcome: Outcome


class ToolUse(Struct, frozen=True, gc=False):
    """One call of a tool, as its part records it; a time is ``None`` if it is missing or impossible."""

    tool: str
    call_id: str
    running: bool
    outcome: Outcome
    child_session: str
    """The session that the call began or went on with; empty for every tool but ``task``, and before it is written."""
    started_ms: int | None
    ended_ms: int | None
    without_exit: bool = False
    """True for a shell whose exit code is null: a person broke it off, or its time was up."""
    by_provider: bool = False
    """True if the provider ran the tool, as a part of its answer."""
    agent: str = ""
    """The sub-agent that is called, and what for, by the input of the call; empty for every other tool."""
    description: str = ""
    saw_child_end: bool = False
    """True for the call of a sub-agent that is over, unless the sub-agent goes on in the background."""
    input_digest: bytes = b""
    """As in ``ToolCall``."""
    inner: tuple[InnerCall, ...] = ()
    """The calls that this one made in code mode."""


class Part(Struct, frozen=True, gc=False):
    """One part of a message."""

    id: str
    is_step: bool
    """True for the begin or the end of a model call."""
    tokens: Tokens
    """The tokens of a step, zero for every other part."""
    tool_use: ToolUse | None
    kind: str = ""
    """OpenCode's type of part."""
    began_ms: int | None = None
    """When a text or reasoning began to arrive; ``None`` for every other part, and if its end was written over it."""
    attempt: int = 0
    """The number of the attempt that failed, of a retry; 0 for every other part."""


class _Wire(Struct):
    type: Any = None
    time: Any = None
    attempt: Any = None
    metadata: msgspec.Raw = msgspec.Raw(b"null")
    tokens: Any = None
    tool: Any = None
    callID: Any = None
    state: msgspec.Raw = msgspec.Raw(b"null")


class _State(Struct):
    status: Any = None
    time: Any = None
    error: Any = None
    input: msgspec.Raw = msgspec.Raw(b"null")
    metadata: msgspec.Raw = msgspec.Raw(b"null")


class _Input(Struct):
    subagent_type: Any = None
    description: Any = None


class _Metadata(Struct):
    sessionId: Any = None
    interrupted: Any = None
    exit: Any = msgspec.UNSET
    providerExecuted: Any = None


_parts: Final = msgspec.json.Decoder(_Wire)
_states: Final = msgspec.json.Decoder(_State)
_inputs: Final = msgspec.json.Decoder(_Input)
_metadatas: Final = msgspec.json.Decoder(_Metadata)
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode_part(part_id: str, raw: bytes) -> Part | None:
    """Return the part, ``None`` if the JSON is torn or no object."""
    try:
        wire = _parts.decode(raw)
    except _UNREADABLE:
        return None
    return Part(
        id=json_values.text(part_id),
        is_step=wire.type in ("step-start", "step-finish"),
        tokens=tokens(wire.tokens)[0] if wire.type == "step-finish" else Tokens(),
        tool_use=_tool_use(wire) if wire.type == "tool" else None,
        kind=json_values.text(wire.type),
        began_ms=_began_ms(wire.time) if wire.type in ("text", "reasoning") else None,
        attempt=json_values.count(wire.attempt) or 0 if wire.type == "retry" else 0,
    )


def _began_ms(time: object) -> int | None:
    """Return the start. Several releases rewrite the start of a text when it ends."""
    started_ms = json_values.time_ms(json_values.field(time, "start"))
    return None if started_ms == json_values.time_ms(json_values.field(time, "end")) else started_ms


def _tool_use(wire: _Wire) -> ToolUse | None:
    """Return ``None`` for a call that names no tool, or whose state has a form that is not known."""
    tool = json_values.text(wire.tool)
    if not tool:
        return None
    try:
        state = _states.decode(wire.state)
    except _UNREADABLE:
        return None
    metadata = _metadata(state.metadata)
    asked = _input(state.input) if tool in TASKS else _Input()
    return ToolUse(
        tool=tool,
        call_id=json_values.text(wire.callID),
        running=state.status == "running",
        outcome=_outcome(tool, state, metadata),
        child_session=json_values.text(metadata.sessionId),
        started_ms=json_values.time_ms(json_values.field(state.time, "start")),
        ended_ms=json_values.time_ms(json_values.field(state.time, "end")),
        agent=json_values.text(asked.subagent_type),
        description=json_values.text(asked.description),
        without_exit=metadata.exit is None,
        by_provider=_metadata(wire.metadata).providerExecuted is True,
        input_digest=digest(state.input),
    )


def digest(raw: bytes | memoryview) -> bytes:
    """Return a hash of a call's input as OpenCode wrote it, which is how OpenCode itself compares inputs."""
    return hashlib.blake2b(raw, digest_size=16).digest()


def _input(raw: msgspec.Raw) -> _Input:
    try:
        return _inputs.decode(raw)
    except _UNREADABLE:
        return _Input()


def _metadata(raw: msgspec.Raw) -> _Metadata:
    """Each tool writes metadata of its own form, so a form that is not known is no error."""
    try:
        return _metadatas.decode(raw)
    except _UNREADABLE:
        return _Metadata()


def _outcome(tool: str, state: _State, metadata: _Metadata) -> Outcome:
    """A call that neither ended well nor failed was at work when its OpenCode ended: it counts as aborted."""
    if state.status == "completed":
        return Outcome.ERROR if tool == INVALID else Outcome.OK
    broken_off = state.error == _ABORTED or metadata.interrupted is True
    return Outcome.ERROR if state.status == "error" and not broken_off else Outcome.ABORTED
