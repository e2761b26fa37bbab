"""OpenCode's messages, sessions, turns and tool calls, of any generation."""

from enum import IntEnum, StrEnum

from msgspec import Struct

from otel_agent.model.usage import Overlap, Tokens


class Generation(StrEnum):
    """Which of OpenCode's storage formats a record came from."""

    TREE = "tree"
    """JSON files, up to 1.1."""
    V1 = "v1"
    """SQLite tables ``session`` and ``message``, 1.2 to 1.18."""
    V2 = "v2"
    """SQLite tables ``session_v2`` and ``session_message``, from 2.0."""


class Outcome(StrEnum):
    OK = "ok"
    ERROR = "error"
    ABORTED = "aborted"


class Message(Struct, frozen=True, gc=False):
    """One assistant message of any generation, complete or still in flight."""

    id: str
    session_id: str
    generation: Generation
    created_ms: int
    completed_ms: int | None
    """``None`` while OpenCode is at it, and for ever where it was killed."""
    provider: str
    model: str
    agent: str
    tokens: Tokens
    overlap: Overlap
    """What of ``tokens`` is known to stand in two categories."""
    cost_nusd: int
    turn_id: str = ""
    """The user message this one answers; all messages of a turn share it."""
    finish: str = ""
    error_type: str = ""
    compaction: bool = False
    calls_model: bool = True
    """False for what OpenCode writes as an assistant message without asking a model (``!shell``, subtasks)."""
    worktree: str = ""
    """Root of the project; ``/`` outside any."""
    directory: str = ""
    """The session's working directory."""
    copied: bool = False
    """Minted later than it says it was created: a fork's copy, if its twin is known."""

    @property
    def ended_ms(self) -> int:
        """When it happened: its completion, or, for a message that was killed, its creation."""
        return self.created_ms if self.completed_ms is None else self.completed_ms

    @property
    def outcome(self) -> Outcome:
        if not self.error_type:
            return Outcome.OK
        return Outcome.ABORTED if self.error_type == "MessageAbortedError" else Outcome.ERROR

    @property
    def project_directory(self) -> str:
        """The project is its worktree; outside any, the session's own directory. Empty where neither is known."""
        return self.worktree if self.worktree not in ("", "/") else self.directory

    @property
    def is_whole_turn(self) -> bool:
        """From 1.0 on each model call is a message, which names the user message it answers. In 0.x one message was
        a whole turn, named none, had no ``finish``, and recorded the tokens of its last step only."""
        return not self.turn_id and self.generation is not Generation.V2

    @property
    def turn(self) -> str:
        """The turn it belongs to: of the user message it answers, or, where it names none, its own."""
        return self.turn_id or self.id

    @property
    def ends_turn(self) -> bool:
        """Whether OpenCode asks the model no more for this turn: its loop ends with any finish but these two, and
        with an error."""
        return bool(self.error_type) or self.is_whole_turn or self.finish not in ("", "tool-calls", "unknown")

    @property
    def has_usage(self) -> bool:
        """Finished with tokens: it counts even where ``completed`` never comes (killed between two writes)."""
        return self.tokens.total > 0 and (bool(self.finish) or self.is_whole_turn)


class Session(Struct, frozen=True, gc=False):
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
    """Where a message stands in the ledger. Nothing ever goes back to the left."""

    UNFINISHED = 0
    """Has usage but no ``completed``: waits for it, for a later message of the session, or for the grace period."""
    SUSPECTED_COPY = 1
    """Looks like a fork's copy: waits until every store was read, so that its original is counted if there is one."""
    COUNTED = 2
    COPY = 3
    """The completion is counted under another id."""
    SKIPPED = 4
    """History that the setting ``backfill`` left out."""


class Change(Struct, frozen=True, gc=False):
    """What a message adds to the totals."""

    message: Message
    subagent: bool
    tokens: Tokens
    overlap: Overlap
    cost_nusd: int
    first: bool
    """True when the message is counted now, False when a counted one was corrected upwards."""
    opens_session: bool
    """True for the first counted message of its session."""


class ToolCall(Struct, frozen=True, gc=False):
    """One call of a tool by a message: what it was and how it went, never what went in or came out."""

    id: str
    """OpenCode's id of the part that records it."""
    call_id: str
    """The model's own name for it."""
    tool: str
    outcome: Outcome
    started_ms: int
    ended_ms: int


class Caller(Struct, frozen=True, gc=False):
    """Which tool call began a sub-agent's turn."""

    part_id: str
    turn_id: str
    """The turn to which the calling message belongs …"""
    session: Session
    """… and its session."""


class Turn(Struct, frozen=True, gc=False):
    """A user message and all that answered it: one ``invoke_agent`` span."""

    id: str
    trace: str
    """The turn that a person began: those of sub-agents, however deep, share its trace."""
    caller: str
    """The tool call that began it, as its part's id; empty where a person did."""
    started_ms: int
