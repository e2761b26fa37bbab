"""Every generation's assistant message, from its JSON to one ``Message``.

Nothing here trusts a field to be there or to be of its type: releases differ, and a bad value in one field must
neither reach a counter nor cost the rest of the message. Shapes were seen in what OpenCode 0.5 to 1.18 wrote.
"""

import json
import math
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from otel_agent.model import Generation, Message, Overlap, Problem, ProblemKind, Session, Tokens
from otel_agent.opencode.ids import looks_copied

MAX_BYTES: Final = 16 * 1024 * 1024
"""A message file or row beyond this is not read: assistant messages are a few hundred bytes, the prompts that 0.x
stored in them a few hundred thousand, and the diffs in user messages a few millions."""
MAX_TOKENS: Final = 10**12
"""More than any model call can use, and small enough that nine million of them fit in a signed 64-bit sum."""
MAX_COST_NUSD: Final = 10**6 * 10**9
"""A million dollars for one message, likewise."""
MAX_TIME_MS: Final = 9_000_000_000_000
"""The year 2255: later times do not fit in the nanoseconds of OTLP."""
_MAX_TEXT: Final = 1_024
"""Ids, names and paths are cut here; nothing real comes near."""


class Wire(Struct):
    """The fields we use, of any type at all; everything else is skipped without being built."""

    id: Any = None
    sessionID: Any = None
    parentID: Any = None
    role: Any = None
    time: Any = None
    modelID: Any = None
    providerID: Any = None
    model: Any = None
    mode: Any = None
    agent: Any = None
    path: Any = None
    cost: Any = None
    tokens: Any = None
    finish: Any = None
    error: Any = None
    summary: Any = None
    metadata: Any = None


class SessionWire(Struct):
    """The fields of a session's, and of a project's, file or row that we use."""

    id: Any = None
    projectID: Any = None
    parentID: Any = None
    directory: Any = None
    title: Any = None
    version: Any = None
    time: Any = None
    worktree: Any = None


_W = TypeVar("_W", Wire, SessionWire)
_messages: Final = msgspec.json.Decoder(Wire)
_sessions: Final = msgspec.json.Decoder(SessionWire)


class Malformed(Exception):
    """Not a JSON object: torn by a write in progress, or never one."""


def parse(raw: bytes) -> Wire:
    """Read one message. Raises ``Malformed``, also for a file that OpenCode is just writing."""
    return _parse(_messages, Wire, raw)


def parse_session(raw: bytes) -> SessionWire:
    """Read one session or project. Raises ``Malformed``."""
    return _parse(_sessions, SessionWire, raw)


def _parse(decoder: msgspec.json.Decoder[_W], shape: type[_W], raw: bytes) -> _W:
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _parse_leniently(shape, raw)


def _parse_leniently(shape: type[_W], raw: bytes) -> _W:
    """What JavaScript writes and a strict parser refuses: lone surrogates, numbers beyond a double."""
    try:
        found = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise Malformed(type(error).__name__) from None
    if not isinstance(found, dict):
        raise Malformed("not an object")
    return shape(**{name: found[name] for name in shape.__struct_fields__ if name in found})


def text(value: object) -> str:
    """A string fit for SQLite and OTLP, empty for anything that is none. Lone surrogates become ``?``, and so does
    NUL, at which SQLite's functions would cut an id."""
    if not isinstance(value, str):
        return ""
    return value[:_MAX_TEXT].replace("\0", "?").encode("utf-8", "replace").decode("utf-8")


def field(value: object, *names: str) -> object:
    """The value under nested keys, ``None`` where any is missing."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def time_ms(value: object) -> int | None:
    """A time in milliseconds, ``None`` for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < MAX_TIME_MS:
        return None
    return int(value)


def count(value: object) -> int | None:
    """A number of tokens, ``None`` for what cannot be one (negative, fractional, text, beyond ``MAX_TOKENS``)."""
    if type(value) is float and math.isfinite(value) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= MAX_TOKENS:
        return None
    return value


def cost_nusd(value: object) -> int | None:
    """A cost in dollars as billionths of one, ``None`` for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_COST_NUSD / 10**9:
        return None
    return round(value * 10**9)


_TOKEN_PATHS: Final = (("input",), ("output",), ("reasoning",), ("cache", "read"), ("cache", "write"))


def tokens(value: object) -> tuple[Tokens, list[str]]:
    """The five categories, and the names of those whose value was unusable; these count as zero.

    A category that is absent is zero and nothing to report: releases leave out what a provider does not bill.
    """
    counts, bad = [], []
    for path in _TOKEN_PATHS:
        holder = value if len(path) == 1 else field(value, path[0])
        found = holder.get(path[-1], 0) if isinstance(holder, dict) else 0
        number = count(found)
        counts.append(number or 0)
        if number is None:
            bad.append(".".join(("tokens", *path)))
    return Tokens(*counts), bad


def overlap(message: Message, total: object, session_version: str) -> Overlap:
    """What the message's tokens count twice.

    Reasoning: ``tokens.total`` (from 1.2 on) tells whether output contains it. Rows without a total are older, and
    theirs does; not Google's, whose counts were separate already, and not in 2.x.
    Cached tokens: up to 1.0.61 input contains them, but for Anthropic and Bedrock. Those releases wrote no
    ``finish``; a row that has one, or a session that a later release began, is free of it.
    """
    recorded = message.tokens
    if message.generation is Generation.V2:
        return Overlap()
    reasoning = min(recorded.reasoning, recorded.output)
    if count(total):
        reasoning = reasoning if total == recorded.total - recorded.reasoning else 0
    elif message.provider.startswith("google"):
        reasoning = 0
    old = not message.finish and not count(total) and _version(session_version) < _CACHE_APART
    if not old or message.provider.startswith(_CACHE_ALWAYS_APART) or recorded.input < recorded.cache_read:
        return Overlap(0, reasoning)
    return Overlap(recorded.cache_read, reasoning)


_CACHE_APART: Final = (1, 0, 62)
_CACHE_ALWAYS_APART: Final = ("anthropic", "amazon-bedrock", "google-vertex-anthropic")


def _version(version: str) -> tuple[int, ...]:
    """``1.0.61`` as numbers; what is no such version counts as old, for then the other signs decide."""
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


class Decoded(Struct):
    """An assistant message and what was wrong with it; ``message`` is ``None`` for one that cannot be named or timed."""

    message: Message | None
    problems: list[Problem]


def assistant(
    wire: Wire,
    *,
    place: str,
    generation: Generation,
    message_id: str,
    session_id: str,
    created_ms: int | None = None,
    session: Session | None = None,
) -> Decoded:
    """One ``Message`` from any generation's object; the keywords say what the object may leave out."""
    problems = []
    wire = _unwrapped(wire)
    own_id, own_session = text(wire.id) or text(message_id), text(wire.sessionID) or text(session_id)
    created = time_ms(field(wire.time, "created")) or created_ms
    completed_raw = field(wire.time, "completed")
    completed = time_ms(completed_raw)
    if completed is None and completed_raw is not None:
        problems.append(Problem(ProblemKind.BAD_TIME, place, "time.completed"))
    created = created or completed
    if not own_id or not own_session or created is None:
        problems.append(Problem(ProblemKind.MALFORMED, place, "no id, session or time"))
        return Decoded(None, problems)

    recorded, bad = tokens(wire.tokens)
    cost = cost_nusd(wire.cost) if wire.cost is not None else 0
    if cost is None:
        bad.append("cost")
    problems += [Problem(ProblemKind.BAD_NUMBER, place, name) for name in bad]
    message = Message(
        id=own_id,
        session_id=own_session,
        generation=generation,
        created_ms=created,
        completed_ms=completed,
        provider=text(wire.providerID) or text(field(wire.model, "providerID")),
        model=text(wire.modelID) or text(field(wire.model, "id")) or text(field(wire.model, "modelID")),
        agent=text(wire.agent) or text(wire.mode),
        tokens=recorded,
        overlap=Overlap(),
        cost_nusd=cost or 0,
        turn_id=text(wire.parentID),
        finish=text(wire.finish),
        error_type=_error_type(wire.error),
        compaction=wire.summary is True,
        worktree=text(field(wire.path, "root")) or (session.worktree if session else ""),
        directory=(session.directory if session else "") or text(field(wire.path, "cwd")),
        copied=looks_copied(own_id, created, completed, session),
    )
    found = overlap(message, field(wire.tokens, "total"), session.version if session else "")
    return Decoded(replace(message, overlap=found) if found != Overlap() else message, problems)


def _unwrapped(wire: Wire) -> Wire:
    """0.1 kept under ``metadata`` what later releases write at the top. It knew one agent, which 0.5, where it
    rewrites such a file, calls ``build``."""
    inner = field(wire.metadata, "assistant")
    if not isinstance(inner, dict):
        return wire
    return Wire(
        id=wire.id,
        sessionID=field(wire.metadata, "sessionID"),
        role=wire.role,
        time=field(wire.metadata, "time"),
        error=field(wire.metadata, "error"),
        agent="build",
        **{name: inner.get(name) for name in ("modelID", "providerID", "path", "cost", "tokens", "summary")},
    )


def session(wire: SessionWire, session_id: str, worktree: str) -> Session:
    """A ``Session`` from its file; ``worktree`` is its project's, empty where that is unknown."""
    return Session(
        id=text(session_id),
        parent_id=text(wire.parentID),
        worktree=worktree,
        directory=text(wire.directory),
        title=text(wire.title),
        version=text(wire.version),
        created_ms=time_ms(field(wire.time, "created")) or 0,
    )


def _error_type(error: object) -> str:
    if not error:
        return ""
    return text(field(error, "name")) or text(field(error, "type")) or "_OTHER"
