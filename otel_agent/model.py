"""The records that cross rooms: frozen, without I/O, in OpenCode's and OpenTelemetry's words.

Times are whole milliseconds since the Unix epoch, tokens whole tokens, cost whole billionths of a US dollar
(``nusd``): the smallest price per token is a fraction of a micro-dollar, and rounding each message to
micro-dollars would make a sum of small messages wrong.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum, StrEnum
from typing import Final, Protocol

from msgspec import Struct


class Tokens(Struct, frozen=True, gc=False):
    """The five categories as OpenCode recorded them (before 1.14 ``reasoning`` can be inside ``output``)."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output + self.reasoning + self.cache_read + self.cache_write

    def at_least(self, other: "Tokens") -> "Tokens":
        """The larger of both in each category: a count that was published is never taken back."""
        return Tokens(*map(max, self.each(), other.each()))

    def minus(self, other: "Tokens") -> "Tokens":
        return Tokens(*(mine - theirs for mine, theirs in zip(self.each(), other.each(), strict=True)))

    def plus(self, other: "Tokens") -> "Tokens":
        return Tokens(*(mine + theirs for mine, theirs in zip(self.each(), other.each(), strict=True)))

    def each(self) -> tuple[int, int, int, int, int]:
        return self.input, self.output, self.reasoning, self.cache_read, self.cache_write


class Overlap(Struct, frozen=True, gc=False):
    """Tokens that OpenCode recorded in two categories at once, as its older releases did for most providers."""

    cached_in_input: int = 0
    reasoning_in_output: int = 0

    def at_least(self, other: "Overlap") -> "Overlap":
        return Overlap(
            max(self.cached_in_input, other.cached_in_input), max(self.reasoning_in_output, other.reasoning_in_output)
        )

    def plus(self, other: "Overlap") -> "Overlap":
        return Overlap(
            self.cached_in_input + other.cached_in_input, self.reasoning_in_output + other.reasoning_in_output
        )

    def minus(self, other: "Overlap") -> "Overlap":
        return Overlap(
            self.cached_in_input - other.cached_in_input, self.reasoning_in_output - other.reasoning_in_output
        )


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


class ProblemKind(StrEnum):
    """Why something in OpenCode's storage was not, or not fully, counted."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    BAD_NUMBER = "bad_number"
    BAD_TIME = "bad_time"
    NO_ACCESS = "no_access"
    LOCKED = "locked"
    DAMAGED = "damaged"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNEXPECTED = "unexpected"

    @property
    def meaning(self) -> str:
        """What it means and what to do, as the rest of a sentence that begins with the place."""
        return _MEANING[self]


_MEANING: Final = {
    ProblemKind.MALFORMED: "is no whole JSON object; it is read again when it changes",
    ProblemKind.TOO_LARGE: "is too large to be an assistant message; left out",
    ProblemKind.BAD_NUMBER: "has a number that cannot be; it counts as zero, the rest counts",
    ProblemKind.BAD_TIME: "has a time that cannot be; it counts once that is mended",
    ProblemKind.NO_ACCESS: "may not be read; give this user permission, it is tried again",
    ProblemKind.LOCKED: "is locked by another program; it is tried again",
    ProblemKind.DAMAGED: "is not a readable database; it is tried again",
    ProblemKind.UNKNOWN_SCHEMA: "has tables that this version does not know; look for a newer otel-agent",
    ProblemKind.UNEXPECTED: "holds something that this version cannot read; please report it, it is tried again",
}


class Problem(Struct, frozen=True, gc=False):
    kind: ProblemKind
    place: str
    """The file or the row; never its content."""
    detail: str = ""

    def __str__(self) -> str:
        """What happened and what it means, in a sentence for the log."""
        return f"{self.place}: {self.kind.meaning}" + (f" ({self.detail})" if self.detail else "")


class Checkpoint(Struct, frozen=True, gc=False):
    """How far a reader got at one place. Only its reader knows what ``state`` means."""

    place: str
    state: bytes


class Batch(Struct):
    """What one stretch of reading brought. Its checkpoints are true only once its messages are in the ledger."""

    messages: list[Message] = []
    sessions: list[Session] = []
    problems: list[Problem] = []
    checkpoints: list[Checkpoint] = []


Recall = Callable[[str], bytes | None]
"""From a place to the state its reader left there, ``None`` at a place never read."""


class Store(Protocol):
    """One store of OpenCode's, of any generation."""

    @property
    def name(self) -> str:
        """What to call it in front of a person: a path."""

    def read(self, recall: Recall, *, now_ms: int, sweep: bool) -> Iterator[Batch]:
        """Yield what may be new since the checkpoints; with ``sweep``, look at everything once more.

        Reading again what is known is harmless (the ledger knows it by id); missing something is not.
        """

    def close(self) -> None: ...


class State(IntEnum):
    """Where a message stands in the ledger. Nothing ever goes back to the left."""

    OPEN = 0
    """Has usage but no ``completed``: waits for it, for a later message of the session, or for the grace period."""
    HELD = 1
    """Looks like a fork's copy: waits until every store was read, so that its original is counted if there is one."""
    COUNTED = 2
    COPY = 3
    """The completion is counted under another id."""
    SKIPPED = 4
    """History that the setting ``backfill`` left out."""


def without_overlap(tokens: Tokens, overlap: Overlap) -> Tokens:
    """The same tokens, each in one category only: what a provider bills."""
    return Tokens(
        tokens.input - overlap.cached_in_input,
        tokens.output - overlap.reasoning_in_output,
        tokens.reasoning,
        tokens.cache_read,
        tokens.cache_write,
    )


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


class Series(Struct, frozen=True, gc=False):
    """One series as the ledger keeps it: integers only, in the metric's smallest unit."""

    metric: str
    attributes: str
    """JSON object, keys sorted."""
    start_ns: int
    value: int
    count: int
    buckets: tuple[int, ...]


class Increase(Struct):
    """What one series gains: ``value`` in the metric's smallest unit; for histograms how many, and in which buckets."""

    value: int = 0
    count: int = 0
    buckets: dict[int, int] = {}


class Receipt(Struct, frozen=True):
    """What the other side made of one request."""

    taken: bool
    final: bool = False
    """Not taken, and sending the same again cannot help: the request itself was refused."""
    rejected: int = 0
    """Points or spans the other side took the request without (partial success); never sent again."""
    reason: str = ""


class ProcessMode(StrEnum):
    """What a running ``opencode`` is there for."""

    CLI = "cli"
    """A person at a terminal: the TUI, or one shot by ``opencode run``."""
    SERVER = "server"
    """``serve``, ``web``, ``acp``."""
    LSP = "lsp"
    """The binary as a JavaScript runtime for a language server."""


class ProcessSample(Struct, frozen=True, gc=False):
    """A running OpenCode at one moment. Its identity is (``pid``, ``created_s``): numbers are used again."""

    pid: int
    created_s: float
    """When it started, in seconds since the Unix epoch."""
    mode: ProcessMode
    executable: str
    """Base name of the executable."""
    directory: str
    """Its working directory; empty where that may not be read."""
    cpu_s: float
    """CPU time since it started, user and system, in seconds."""
    rss_bytes: int
    vms_bytes: int
    threads: int
    file_descriptors: int | None
    """``None`` where it may not be read, or the system has none."""
