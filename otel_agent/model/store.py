"""What reading a store of OpenCode's brings, and what may be wrong with it."""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct, field

from otel_agent.model.message import Caller, Message, Session, ToolCall


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


class Calls(Struct):
    """What the parts of some messages record: which tools they called, and which call began a sub-agent's turn."""

    tool_calls: dict[str, list[ToolCall]] = {}
    """Id of a message to its tool calls; a message without any may be missing."""
    callers: dict[str, list[Caller]] = {}
    """Id of a sub-agent's turn to the call that began it, and then the call that began the caller's turn, and so on up
    to the turn that a person began. A turn that a person began is missing."""


class CallsWanted(Struct, frozen=True):
    """The parts that the ledger still needs. A reader reads no others: parts hold whole prompts and outputs."""

    messages: frozenset[str] = frozenset()
    """Ids of the messages whose tool calls are wanted."""
    turns: frozenset[str] = frozenset()
    """Ids of the turns that the ledger does not know yet: a tool call may have begun them."""


class BeingWritten(Exception):
    """OpenCode is writing just now what a reader needs: the next pass reads it."""


class Batch(Struct):
    """What one stretch of reading brought. Its checkpoints are true only once its messages are in the ledger."""

    messages: list[Message] = []
    sessions: list[Session] = []
    problems: list[Problem] = []
    checkpoints: list[Checkpoint] = []
    calls: Calls = field(default_factory=Calls)
    looked_at: int = 0
    """Files or rows, whatever they turned out to hold."""


Recall = Callable[[str], bytes | None]
"""From a place to the state its reader left there, ``None`` at a place never read."""

AskWanted = Callable[[Sequence[Message]], CallsWanted]
"""The one question that a reader asks about the messages it has just read: which of them are new?"""


class Unreadable(Exception):
    """Something that is there and cannot be read; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class ReadScope(Struct, frozen=True):
    """How hard to scope."""

    sweep: bool = False
    """At everything once more: the truth, whatever the marks of change say."""
    changed_paths: frozenset[str] | None = None
    """Only at these folders and files, which may have changed, and at what is in flight; ``None``: wherever a cheap
    mark shows a change."""


class Store(Protocol):
    """One store of OpenCode's, of any generation."""

    @property
    def name(self) -> str:
        """What to call it in front of a person: a path."""

    @property
    def folder(self) -> Path:
        """The folder in which it changes: of a database its own, of a tree that of its messages."""

    @property
    def is_tree(self) -> bool:
        """Whether it changes in the folders below as well."""

    def read(self, recall: Recall, ask_wanted: AskWanted, *, now_ms: int, scope: ReadScope) -> Iterator[Batch]:
        """Yield what may be new since the checkpoints, each message together with the calls that are ``wanted`` of it.

        Reading again what is known is harmless (the ledger knows it by id); missing something is not. A message whose
        parts OpenCode is writing just now is left for the next pass. Raises ``Unreadable``.
        """

    def read_calls(self, messages: Sequence[Message], wanted: CallsWanted) -> Calls:
        """Return the calls of messages that were read in an earlier batch and waited to be decided.

        Raises ``Unreadable`` if the store cannot be read now, ``BeingWritten`` if the next pass will know more.
        """

    def length(self) -> int:
        """How many files or rows there are to look at, about."""

    def close(self) -> None: ...
