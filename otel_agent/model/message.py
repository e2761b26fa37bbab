"""OpenCode's messages, sessions, turns and tool calls, of any generation."""

from enum import IntEnum, StrEnum
from typing import Final

from msgspec import Struct

from otel_agent.model.project import is_outside_any
from otel_agent.model.usage import Overlap, Tokens


class Generation(StrEnum):
    """One of OpenCode's storage formats."""

    TREE = "tree"
    """JSON files, up to 1.1."""
    V1 = "v1"
    """SQLite tables ``session`` and ``message``, 1.2 to 1.18."""
    V2 = "v2"
    """SQLite tables ``session_v2`` and ``session_message``, from 2.0."""


_V2: Final = Generation.V2
"""Under a name of its own for code that runs for each message. Python 3.11 needs 0.1 to 0.4 µs to find a member in its
class. The same holds for the members of ``UsageSource`` and ``State``. So it takes 3 % fewer instructions to count a
message."""


class UsageSource(IntEnum):
    """The record from which usage is known."""

    MESSAGE = 0
    COMPACTION = 1
    """A call that summed up the session to make room: a record of its own in 2.x."""
    UNATTRIBUTED = 2
    """Only the totals of its session know it: titles, and calls whose record is gone."""


class Outcome(StrEnum):
    """The end of a message or a tool call; ``ABORTED`` means that a person stopped it."""

    OK = "ok"
    ERROR = "error"
    ABORTED = "aborted"


KILLED: Final = "killed"
"""``error_type`` of a call that was under way when OpenCode ended. It is ours: OpenCode writes no error then."""
_ABORTED: Final = ("MessageAbortedError", "aborted", KILLED)
"""The types of error that mean no failure: the first is 1.x's, the second 2.x's."""
_ASKS_AGAIN: Final = ("", "tool-calls", "unknown")
"""Values of ``finish`` after which tools may have run, and OpenCode may ask the model again."""


class Message(Struct, frozen=True, gc=False, array_like=True):
    """One assistant message of any generation, complete or still in flight.

    Between two processes it goes as an array, which takes two thirds of the time of an object.
    """

    id: str
    session_id: str
    generation: Generation
    created_ms: int
    completed_ms: int | None
    """``None`` while OpenCode is at it, and for ever if it was killed."""
    provider: str
    model: str
    agent: str
    tokens: Tokens
    overlap: Overlap
    """The part of ``tokens`` that is known to be in two categories."""
    cost_nusd: int
    turn_id: str = ""
    """The user message this one answers; all messages of a turn share it."""
    finish: str = ""
    error_type: str = ""
    source: UsageSource = UsageSource.MESSAGE
    calls_model: bool = True
    """False for what OpenCode writes as an assistant message without asking a model (``!shell``, subtasks)."""
    worktree: str = ""
    """Root of the project; ``/`` or empty outside any project."""
    directory: str = ""
    """The session's working directory."""
    copied: bool = False
    """Minted later than it says it was created: a fork copy, if its twin is known."""
    response_ms: int | None = None
    """The time at which the model's answer had arrived; ``None`` if nothing but the completion may say it."""
    first_output_ms: int | None = None
    """The time at which the answer began to arrive; ``None`` if OpenCode does not record it."""
    retries: int = 0
    """Attempts that failed before this one, of the same call."""
    variant: str = ""
    """The reasoning level that was asked for; empty for the model's own."""

    @property
    def compaction(self) -> bool:
        """True for a call that summed up the session to make room."""
        return self.source is UsageSource.COMPACTION

    @property
    def ended_ms(self) -> int:
        """The time of the message: its completion, or its creation if it never completed."""
        return self.created_ms if self.completed_ms is None else self.completed_ms

    @property
    def outcome(self) -> Outcome:
        """The end of the message, by the type of its error."""
        if not self.error_type:
            return Outcome.OK
        return Outcome.ABORTED if self.error_type in _ABORTED else Outcome.ERROR

    @property
    def answered_ms(self) -> int | None:
        """The time at which the model's answer had arrived, the end of the call; ``None`` if OpenCode does not record it.

        OpenCode completes a message after its tools. So the completion is the answer's end only if no tool can have run.
        """
        if self.response_ms is not None:
            return self.response_ms
        # Rows of 2.x say it themselves, or cannot be believed: the import changed their completion.
        unknown = self.generation is _V2 or self.may_have_run_tools
        return None if unknown else self.completed_ms

    @property
    def may_have_run_tools(self) -> bool:
        """True if tools may have run between the answer and the completion, as far as the message alone tells."""
        # A call that failed got no answer. One that was aborted may have been at its tools.
        return self.finish in _ASKS_AGAIN and (not self.error_type or self.error_type in _ABORTED)

    @property
    def call_ended_ms(self) -> int:
        """The end of the model call as well as it is known. A span must have one, even if no duration is counted."""
        if self.answered_ms is not None:
            return self.answered_ms
        # A call that was killed is closed by the next start, which may be days later.
        return self.created_ms if self.error_type == KILLED else self.ended_ms

    @property
    def project_directory(self) -> str:
        """The project's worktree; outside any project the session's directory. Empty if neither is known."""
        return self.directory if is_outside_any(self.worktree) else self.worktree

    @property
    def is_whole_turn(self) -> bool:
        """True for a message of OpenCode 0.x, which holds a whole turn.

        It names no user message, has no ``finish`` and records the tokens of its last step only. Each model call is a
        message of its own since 1.0.
        """
        return not self.turn_id and self.generation is not _V2

    @property
    def turn(self) -> str:
        """The turn that the message belongs to: the user message it answers, or itself if it names none."""
        return self.turn_id or self.id

    @property
    def ends_turn(self) -> bool:
        """True if OpenCode does not ask the model again in this turn."""
        # In 2.x a row of its own says that a turn ended, not its last message (see ``Calls.ended``). What is in nobody's
        # turn ends with itself: a compaction that a person asked for.
        if self.generation is _V2 and (self.turn_id or self.compaction):
            return not self.turn_id
        return self.is_whole_turn or self.was_last_call

    @property
    def was_last_call(self) -> bool:
        """True if the loop of OpenCode ended with this call: with an error, or with any ``finish`` but these two."""
        return bool(self.error_type) or self.finish not in _ASKS_AGAIN

    @property
    def has_usage(self) -> bool:
        """True if the message counts even if ``completed`` never comes, because OpenCode was killed between two writes."""
        return self.tokens.total > 0 and (bool(self.finish) or self.is_whole_turn)


class Answer(Struct, frozen=True, gc=False):
    """What the parts of a message say about the model's answer. The times are those of ``Message``."""

    response_ms: int | None
    first_output_ms: int | None
    retries: int


class Session(Struct, frozen=True, gc=False, array_like=True):
    """One session of OpenCode. Everything but its id is empty if its record is gone."""

    id: str
    parent_id: str = ""
    """The session whose ``task`` tool started this one; empty for one that a person started."""
    worktree: str = ""
    directory: str = ""
    title: str = ""
    version: str = ""
    """The OpenCode that created the session."""
    created_ms: int = 0
    forked: bool = False
    """Marked by OpenCode 2.x as a fork of another session."""


class State(IntEnum):
    """The state of a message in the ledger. States only move forward.

    ==============  ==================================================  ===============================================
    state           the message …                                       and becomes
    ==============  ==================================================  ===============================================
    UNFINISHED      has usage but no completion time                    any other state when a complete record is read;
                                                                        COUNTED, COPY or SKIPPED when a later message
                                                                        of its session is complete, or after the grace
                                                                        period
    SUSPECTED_COPY  may be a fork copy: it waits until every store of   COUNTED, COPY or SKIPPED at the end of the pass
                    the pass was read, so that its original can count
    COUNTED         is in the totals                                    stays so; larger numbers add the difference
    COPY            records a completion that counts under another id   stays so
    SKIPPED         is history that ``backfill`` leaves out              stays so
    ==============  ==================================================  ===============================================
    """

    UNFINISHED = 0
    SUSPECTED_COPY = 1
    COUNTED = 2
    COPY = 3
    SKIPPED = 4


class Change(Struct, frozen=True, gc=False):
    """The addition of one message to the totals."""

    message: Message
    subagent: bool
    tokens: Tokens
    overlap: Overlap
    cost_nusd: int
    first: bool
    """True when the message is counted now, False when a counted one was corrected upwards."""
    opens_session: bool
    """True for the first counted message of its session."""
    number: int = 0
    """The row of the message in the ledger; 0 for what is added up and not entered."""


class ToolCall(Struct, frozen=True, gc=False):
    """One call of a tool by a message: its name, times and outcome, never its input or output."""

    id: str
    """OpenCode's id of the part that records it."""
    call_id: str
    """The model's own name for it."""
    tool: str
    outcome: Outcome
    started_ms: int
    ended_ms: int
    saw_child_end: bool = False
    """True for the call of a sub-agent that is over: it ended after the turn that it began."""
    has_span: bool = True
    """False for a call whose times OpenCode does not record, such as one made inside code mode: it is only counted."""
    input_digest: bytes = b""
    """A hash of the input, to see that two calls have the same one. It is never written down, sent or logged.

    Empty if the input is not known, or too large to be looked at."""
    child_session: str = ""
    """The sub-agent's session that the call began or went on with; empty if it called none, or does not say which."""


class LoopKind(StrEnum):
    """What is noticed in a session."""

    REPEAT = "repeat"
    """The same tool was called with the same input again and again."""
    RATE = "rate"
    """The model was called more often in a minute than people and their agents do."""
