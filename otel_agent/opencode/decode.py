"""Every generation's assistant message, from its JSON to one ``Message``; and sessions likewise.

The shapes are those that OpenCode 0.5 to 1.18 wrote.
"""

import json
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from otel_agent.model import KILLED, Generation, Message, Overlap, Problem, ProblemKind, Session, Tokens, UsageSource
from otel_agent.model.agent_name import agent_name
from otel_agent.opencode.answer_of_row import with_answer
from otel_agent.opencode.ids import looks_copied
from otel_agent.opencode.json_values import cost_nusd, count, field, text, time_ms
from otel_agent.opencode.releases import release
from otel_agent.opencode.tokens import overlap, tokens, total

MAX_BYTES: Final = 16 * 1024 * 1024
"""A larger message file or row is not read. Assistant messages have a few hundred bytes, and some hundred thousand
with the prompts that 0.x stored in them. User messages with diffs have a few millions."""


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
    status: Any = None
    retry: Any = None
    variant: Any = None
    content: msgspec.Raw = msgspec.Raw(b"null")
    """The answer itself, in 2.x. It is not built, because it has megabytes, and we want a few times."""


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
    summary: Any = None


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
        # Rare, and slower: the strict parser accepts nearly every record.
        return _parse_leniently(shape, raw)


def _parse_leniently(shape: type[_W], raw: bytes) -> _W:
    """Accept what JavaScript writes and a strict parser refuses: lone surrogates, numbers beyond a double."""
    try:
        found = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise Malformed(type(error).__name__) from None
    if not isinstance(found, dict):
        raise Malformed("not an object")
    return shape(**{name: found[name] for name in shape.__struct_fields__ if name in found})


def answered(raw: bytes | None) -> str:
    """Return the user message that a message answers; empty if its JSON is missing or does not name one."""
    try:
        return "" if raw is None else text(parse(raw).parentID)
    except Malformed:
        return ""


class Decoded(Struct):
    """An assistant message and its problems; ``message`` is ``None`` if it cannot be named or timed."""

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
    """Return one ``Message`` from any generation's object; the keywords hold what the object may leave out.

    A bad number counts as zero and a bad time as missing; each is a problem, and the rest of the message counts.
    """
    wire = unwrapped(wire)
    problems: list[Problem] = []
    own_id, own_session = text(wire.id) or text(message_id), text(wire.sessionID) or text(session_id)
    completed = _completed(wire, place, problems)
    created = time_ms(field(wire.time, "created")) or created_ms or completed
    if not own_id or not own_session or created is None:
        problems.append(Problem(ProblemKind.MALFORMED, place, "no id, session or time"))
        return Decoded(None, problems)
    recorded, cost = _spent(wire, place, problems)
    message = Message(
        id=own_id,
        session_id=own_session,
        generation=generation,
        created_ms=created,
        completed_ms=completed,
        provider=text(wire.providerID) or text(field(wire.model, "providerID")),
        model=text(wire.modelID) or text(field(wire.model, "id")) or text(field(wire.model, "modelID")),
        agent=agent_name(text(wire.agent)) or agent_name(text(wire.mode)),  # the older name of the same field
        tokens=recorded,
        overlap=Overlap(),
        cost_nusd=cost,
        turn_id=text(wire.parentID),
        finish=text(wire.finish),
        error_type=_error_type(wire.error),
        source=UsageSource.COMPACTION if wire.summary is True else UsageSource.MESSAGE,
        retries=count(field(wire.retry, "attempt")) or 0,
        variant=_variant(wire),
    )
    if generation is Generation.V2:
        message = _answered(message, wire, session)
    return Decoded(_placed(message, wire, session), problems)


def _answered(message: Message, wire: Wire, session: Session | None) -> Message:
    """Return a message of 2.x with the times of its answer, and with an error if it was killed."""
    silent = message.completed_ms is not None and not message.finish and not message.error_type
    if silent and wire.tokens is None and not message.compaction:
        # The next start closed it, whenever that was. Every other end leaves a finish, an error or usage.
        message = replace(message, error_type=KILLED)
    # 2.x goes on in sessions of 1.x. What the import wrote there has tokens, zeros at least, and was never streamed.
    version = release(session.version) if session and wire.tokens is not None else None
    imported = version is not None and version < (2, 0) and field(wire.time, "streamed") is None
    return with_answer(message, time_ms(field(wire.time, "streamed")), wire.content, imported=imported)


def _variant(wire: Wire) -> str:
    """Return the reasoning level; the import into 2.x calls the model's own ``default``."""
    variant = text(wire.variant) or text(field(wire.model, "variant"))
    return "" if variant == "default" else variant


def compaction(wire: Wire, updated_ms: int | None) -> Wire:
    """Return a compaction of 2.x as an assistant message has it. It is complete once it does not run any more."""
    created, completed = field(wire.time, "created"), field(wire.time, "completed")
    if completed is None and wire.status != "running":
        # Such a row has no time of completion; it is written for the last time when it ends.
        completed = updated_ms or created
    return Wire(
        time={"created": created, "completed": completed},
        model=wire.model,
        agent="compaction",
        cost=wire.cost,
        tokens=wire.tokens,
        error=wire.error,
        summary=True,
    )


def _placed(message: Message, wire: Wire, session: Session | None) -> Message:
    """Return the message with what its session decides: where it was, whether it may be a fork copy, its overlap."""
    return replace(
        message,
        worktree=text(field(wire.path, "root")) or (session.worktree if session else ""),
        directory=(session.directory if session else "") or text(field(wire.path, "cwd")),
        copied=looks_copied(message.generation, message.id, message.created_ms, message.completed_ms, session),
        overlap=overlap(message, total(wire.tokens), session.version if session else ""),
    )


def _completed(wire: Wire, place: str, problems: list[Problem]) -> int | None:
    recorded = field(wire.time, "completed")
    completed = time_ms(recorded)
    if completed is None and recorded is not None:
        problems.append(Problem(ProblemKind.BAD_TIME, place, "time.completed"))
    return completed


def _spent(wire: Wire, place: str, problems: list[Problem]) -> tuple[Tokens, int]:
    """Return the tokens and the cost in billionths of a dollar."""
    recorded, bad = tokens(wire.tokens)
    cost = cost_nusd(wire.cost) if wire.cost is not None else 0
    if cost is None:
        bad.append("cost")
    problems += [Problem(ProblemKind.BAD_NUMBER, place, name) for name in bad]
    return recorded, cost or 0


def unwrapped(wire: Wire) -> Wire:
    """Return the object as later releases write it: 0.1 kept the fields of an answer under ``metadata``.

    It knew one agent only. 0.5 calls it ``build`` when it rewrites such a file.
    """
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
        modelID=inner.get("modelID"),
        providerID=inner.get("providerID"),
        path=inner.get("path"),
        cost=inner.get("cost"),
        tokens=inner.get("tokens"),
        summary=inner.get("summary"),
    )


def session(wire: SessionWire, session_id: str, worktree: str) -> Session:
    """Return a ``Session`` from its file; ``worktree`` is its project's, empty if that is unknown."""
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
