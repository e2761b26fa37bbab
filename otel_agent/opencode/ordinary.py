"""Ordinary messages: the records that releases nearly always write, read by decoders that know the type of each field.

An ordinary record becomes a ``Message`` in 4 µs, against 25 µs by ``decode``, which trusts no field. Whatever these
decoders refuse is left to ``decode``: a bad number or time, a text with NUL, an unknown role, a form only of 0.1. What
they accept becomes the same message that ``decode`` makes of it, and none of it is a problem.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from otel_agent.model import Generation, Message, Session, Tokens, UsageSource
from otel_agent.model.agent_name import agent_name
from otel_agent.model.project import is_outside_any
from otel_agent.opencode.answer_of_row import streamed_answer, with_answer
from otel_agent.opencode.ids import looks_copied
from otel_agent.opencode.json_values import MAX_COST_NUSD, MAX_TEXT, MAX_TIME_MS, MAX_TOKENS
from otel_agent.opencode.releases import release
from otel_agent.opencode.tokens import NO_OVERLAP, overlap_of
from otel_agent.opencode.worktrees import WorktreeOf, repository_of

_MESSAGE, _COMPACTION = UsageSource.MESSAGE, UsageSource.COMPACTION
_NUL: Final = b"\\u0000"
_BACKSLASH: Final = 0x5C

_Text = Annotated[str, Meta(max_length=MAX_TEXT)]
_Time = Annotated[int, Meta(gt=0, lt=MAX_TIME_MS)]
_Count = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]
_Cost = Annotated[float, Meta(ge=0, le=MAX_COST_NUSD / 10**9)]


class _Times(Struct, frozen=True, gc=False):
    created: _Time
    completed: _Time | None = None
    streamed: _Time | None = None
    """In 2.x only."""


class _Cache(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    read: _Count = 0
    write: _Count = 0


class _Tokens(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A record without the two main categories, or with others than these, may have a form that we do not know."""

    input: _Count
    output: _Count
    reasoning: _Count = 0
    cache: _Cache = _Cache()
    total: _Count | None = None


class _Path(Struct, frozen=True, gc=False):
    cwd: _Text = ""
    root: _Text = ""


_NO_PATH: Final = _Path()


class _Model(Struct, frozen=True, gc=False):
    id: _Text = ""
    providerID: _Text = ""
    modelID: _Text = ""
    variant: _Text = ""


class _Error(Struct, frozen=True, gc=False):
    name: _Text = ""
    type: _Text = ""


class Answer(Struct, frozen=True, gc=False, tag_field="role", tag="assistant"):
    """An ordinary assistant message. A field of the type ``None`` is one that ``decode`` must look at if it is there."""

    time: _Times
    tokens: _Tokens
    id: _Text = ""
    sessionID: _Text = ""
    parentID: _Text = ""
    modelID: _Text = ""
    providerID: _Text = ""
    model: _Model | None = None
    mode: _Text = ""
    agent: _Text = ""
    path: _Path = _NO_PATH
    cost: _Cost = 0.0
    finish: _Text = ""
    error: _Error | None = None
    summary: bool = False
    variant: _Text = ""
    metadata: None = None
    retry: None = None


class Question(Struct, frozen=True, gc=False, tag_field="role", tag="user"):
    """A user's message. Nothing of it is built, because it can hold whole files."""


class AnswerOfRow(Struct, frozen=True, gc=False):
    """The data of an ordinary row of 2.x; a column says that it is an assistant's."""

    time: _Times
    tokens: _Tokens
    model: _Model
    agent: _Text = ""
    cost: _Cost = 0.0
    finish: _Text = ""
    error: _Error | None = None
    content: msgspec.Raw = msgspec.Raw(b"null")
    role: Literal["assistant"] | None = None
    id: None = None
    sessionID: None = None
    parentID: None = None
    modelID: None = None
    providerID: None = None
    mode: None = None
    path: None = None
    summary: None = None
    variant: None = None
    metadata: None = None
    retry: None = None


_decode: Final = msgspec.json.Decoder(Answer | Question).decode
_decode_row: Final = msgspec.json.Decoder(AnswerOfRow).decode
_REFUSED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def ordinary(raw: bytes) -> Answer | Question | None:
    """Return a message up to 1.18; ``None`` if it is not ordinary."""
    try:
        found = _decode(raw)
    except _REFUSED:
        return None
    if type(found) is Question:
        return found
    # Few records have a backslash at all. A number is found ten times as fast as bytes, even if these are a single one.
    if _BACKSLASH in raw and _NUL in raw:
        return None
    return None if found.error is not None and _is_unnamed(found.error) else found


def ordinary_row(raw: bytes) -> AnswerOfRow | None:
    """Return the data of a row of 2.x that a column calls an assistant's; ``None`` if it is not ordinary."""
    try:
        row = _decode_row(raw)
    except _REFUSED:
        return None
    # The content can have many lines, so the few texts are asked, and not the whole row.
    model, error = row.model, row.error
    texts = f"{model.id}{model.providerID}{model.modelID}{model.variant}{row.agent}{row.finish}"
    if "\0" in texts or (error is not None and "\0" in f"{error.name}{error.type}"):
        return None
    return None if error is not None and _is_unnamed(error) else row


def _is_unnamed(error: _Error) -> bool:
    return not error.name and not error.type


class OrdinaryMessages:
    """Makes messages of the ordinary answers of one session, which decides where they belong."""

    def __init__(
        self, generation: Generation, session_id: str, session: Session | None, worktree_of_project: WorktreeOf
    ) -> None:
        self._generation, self._session_id, self.session = generation, session_id, session
        self._worktree_of_project = worktree_of_project
        self._directory, self._worktree, self._version = "", "", ""
        if session is not None:
            self._directory, self._worktree, self._version = session.directory, session.worktree, session.version
        of_release = release(self._version)
        self._is_of_1_x = of_release is not None and of_release < (2, 0)
        self._last_place: tuple[str, str] | None = None
        self._last_worktree = ""
        """Worktree and folder of the last answer, and the worktree that it got: nearly all answers share them."""

    def message(self, answer: Answer, message_id: str) -> Message:
        """Return the message of an answer, as ``decode.assistant`` and ``at_repository`` would.

        ``message_id`` holds if the answer names no id. Raises ``BeingWritten`` if OpenCode is writing its project.
        """
        provider, name, variant = answer.providerID, answer.modelID, answer.variant
        if (model := answer.model) is not None:
            provider, name = provider or model.providerID, name or model.id or model.modelID
            variant = variant or model.variant
        return self._message(
            answer,
            answer.id or message_id,
            answer.sessionID or self._session_id,
            (provider, name, variant),
            agent_name(answer.agent) or agent_name(answer.mode),
            answer.parentID,
            answer.path,
            _COMPACTION if answer.summary else _MESSAGE,
        )

    def message_of_row(self, row: AnswerOfRow, message_id: str, turn_id: str) -> Message:
        """Return the message of a row of 2.x, with the times of its answer."""
        model, times = row.model, row.time
        names = model.providerID, model.id or model.modelID, model.variant
        response_ms = first_ms = None
        if times.streamed is not None:
            response_ms, first_ms = streamed_answer(times.created, times.completed, times.streamed, row.content)
        message = self._message(
            row,
            message_id,
            self._session_id,
            names,
            agent_name(row.agent),
            turn_id,
            _NO_PATH,
            _MESSAGE,
            response_ms,
            first_ms,
        )
        if times.streamed is not None:
            return message
        # 2.x goes on in sessions of 1.x. What the import wrote there was never streamed.
        return with_answer(message, None, row.content, imported=self._is_of_1_x)

    def _message(
        self,
        answer: Answer | AnswerOfRow,
        own_id: str,
        session_id: str,
        names: tuple[str, str, str],
        agent: str,
        turn_id: str,
        path: _Path,
        source: UsageSource,
        response_ms: int | None = None,
        first_output_ms: int | None = None,
    ) -> Message:
        """``names`` are the provider, the model and its variant."""
        times, used, finish, error = answer.time, answer.tokens, answer.finish, answer.error
        created_ms, completed_ms, (provider, model, variant) = times.created, times.completed, names
        tokens = Tokens(used.input, used.output, used.reasoning, used.cache.read, used.cache.write)
        # Most answers end with a finish and hold no reasoning: then nothing is recorded twice.
        overlap = NO_OVERLAP
        if used.reasoning or not finish:
            overlap = overlap_of(self._generation, tokens, used.total, provider, finish, self._version)
        directory = self._directory or path.cwd
        # By position: with names it takes 1.2 µs longer, a third of this method.
        return Message(
            own_id,
            session_id,
            self._generation,
            created_ms,
            completed_ms,
            provider,
            model,
            agent,
            tokens,
            overlap,
            round(answer.cost * 10**9),  # cost_nusd
            turn_id,
            finish,
            "" if error is None else error.name or error.type,
            source,
            True,  # calls_model
            self._placed(path.root or self._worktree, directory),
            directory,
            looks_copied(self._generation, own_id, created_ms, completed_ms, self.session),
            response_ms,
            first_output_ms,
            0,  # retries
            "" if variant == "default" else variant,
        )

    def _placed(self, worktree: str, directory: str) -> str:
        """Return the worktree, or the repository for which OpenCode made it."""
        place = worktree, directory
        if place != self._last_place:
            project = directory if is_outside_any(worktree) else worktree
            self._last_worktree = repository_of(project, self.session, self._worktree_of_project) or worktree
            self._last_place = place
        return self._last_worktree
