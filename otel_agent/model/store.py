"""A store of OpenCode's, and what reading it brings."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from otel_agent.model.lines import Lines
from otel_agent.model.message import Answer, Message, Session, ToolCall
from otel_agent.model.problem import Problem
from otel_agent.model.turn import Caller
from otel_agent.model.usage import Tokens


class Checkpoint(Struct, frozen=True, gc=False):
    """The progress of a reader at one place. Only that reader knows what ``state`` means."""

    place: str
    state: bytes


class Calls(Struct):
    """The content of some messages' parts: the tool calls, and the call that began a sub-agent's turn."""

    tool_calls: dict[str, list[ToolCall]] = {}
    """Id of a message to its tool calls; a message without any may be missing."""
    callers: dict[str, list[Caller]] = {}
    """Id of a sub-agent's turn to the call that began it, the call that began the caller's turn, and so on.

    The last one belongs to a turn that a person began. Such a turn is no key itself."""
    answers: dict[str, Answer] = {}
    """Id of a message to the times of its answer. Rows of 2.x bring them themselves, and are missing."""
    began_ms: dict[str, int] = {}
    """Id of a turn to when it began, if the store says so beside its messages. Only 2.x does."""
    unread: dict[str, Problem] = {}
    """Id of a message to what kept the reader from its parts or its session just now. What was read of it may not be all."""
    ended: set[str] = set()
    """Ids of the turns that ended by what the store says beside its messages. Only 2.x says it so."""
    read: set[str] = set()
    """Ids of the messages whose tool calls are known here, even if there are none."""

    def __bool__(self) -> bool:
        """Return True if anything was found. In a history nothing is asked, so nothing needs to be joined."""
        found = self.read or self.tool_calls or self.callers or self.answers or self.began_ms or self.ended
        return bool(found or self.unread)

    def add(self, other: "Calls") -> None:
        """Add what was found elsewhere; what is known here already stays."""
        if not other:
            return
        self.tool_calls = other.tool_calls | self.tool_calls
        self.callers = other.callers | self.callers
        self.answers = other.answers | self.answers
        self.began_ms = other.began_ms | self.began_ms
        self.ended |= other.ended
        self.read |= other.read
        self.unread = other.unread | self.unread

    def timed(self, message: Message) -> Message:
        """Return the message with the times of its answer, if they are known here."""
        answer = self.answers.get(message.id) if self.answers else None
        if answer is None:
            return message
        return replace(
            message,
            response_ms=answer.response_ms,
            first_output_ms=answer.first_output_ms,
            retries=max(answer.retries, message.retries),
        )


class CallsWanted(Struct, frozen=True):
    """The parts that the ledger still needs. A reader reads no others: parts hold whole prompts and outputs."""

    messages: frozenset[str] = frozenset()
    """Ids of the messages whose tool calls are wanted."""
    turns: frozenset[str] = frozenset()
    """Ids of the turns that the ledger does not know yet: a tool call may have begun them."""
    waiting: frozenset[str] = frozenset()
    """Ids of the messages that look copied. They may count later, and the changed lines of their turns with them."""

    def watches(self, message_id: str) -> bool:
        """Return True if what the turn of a message changed is wanted."""
        return message_id in self.messages or message_id in self.waiting


class BeingWritten(Exception):
    """OpenCode is writing just now what a reader needs: the next pass reads it."""


class Settling(BeingWritten):
    """A file changed so shortly before that it may hold new text with an old tail: it can be believed in a moment."""


class SessionTotals(Struct, frozen=True, gc=False):
    """The usage of a session by OpenCode's own totals, which hold more than its messages do."""

    session: Session
    updated_ms: int
    """When the session was last written to; what only the totals know does not move it."""
    tokens: Tokens
    cost_nusd: int
    fork_of: str = ""
    """The session from which OpenCode 2.x forked this one."""

    @property
    def began_before_2_x(self) -> bool:
        """True if an older release began the session, so that 2.x imported it. A build of a branch is ``0.0.0-…``."""
        version = self.session.version
        return version.startswith(("0.", "1.")) and not version.startswith("0.0.0-")


class OldRow(Struct, frozen=True, gc=False):
    """What a row of 1.x says, of which the import into 2.x made another number of the totals than counts."""

    id: str
    tokens: Tokens
    """As they are written: below zero in 1.3, and in 0.x those of the last step."""
    cost_nusd: int
    fits: bool
    """False if the import leaves the row out: up to 1.0.152 a row names no agent, which 2.x asks for."""


class TotalsSource(Protocol):
    """The store behind totals, for questions that are seldom asked. They raise ``Unreadable`` if it cannot be read now."""

    def rows_of(self, session_ids: Sequence[str]) -> frozenset[str]:
        """Return the ids of the rows that can say what was used in these sessions."""

    def rows_of_1_x(self, message_ids: Sequence[str]) -> list[OldRow]:
        """Return those of these messages of which the totals hold another number than counts."""

    def totals_of(self, session_ids: Sequence[str]) -> list[SessionTotals]:
        """Return the totals of these sessions as they are now."""


class StoreTotals(Struct, frozen=True):
    """The totals of one store's sessions, from before the rows of the same pass were read."""

    sessions: list[SessionTotals]
    """Some of those that are new or changed since the last pass."""
    unsettled: dict[str, int] = {}
    """Session id to when a call began that is not complete, and that the totals may have already. Those of a running
    compaction get into its row at the end."""
    migrated_ms: int | None = None
    """When 2.x imported the sessions of 1.x: the totals hold the messages that were complete then. ``None``: never."""
    source: TotalsSource | None = None


class Batch(Struct):
    """The result of one stretch of reading. Its checkpoints are true only once its messages are in the ledger."""

    messages: list[Message] = []
    sessions: list[Session] = []
    problems: list[Problem] = []
    checkpoints: list[Checkpoint] = []
    calls: Calls = field(default_factory=Calls)
    looked_at: int = 0
    """Files or rows, whatever they turned out to hold."""
    totals: StoreTotals | None = None
    """Only in the last batches of a store, and only if the store keeps totals."""
    settling: int = 0
    """Folders in which a file changed so shortly before that its message is left for the next pass."""
    beside: StoreTotals | None = None
    """The totals of the sessions of these very messages, read together with them; ``None`` if there are none."""
    lines: list[Lines] = []
    """What sessions and turns say of changed lines, whenever that was written. What is known already may be there again."""

    def add(self, other: "Batch") -> None:
        """Add what was read next. Neither of the two may have totals."""
        self.messages += other.messages
        self.sessions += other.sessions
        self.problems += other.problems
        self.checkpoints += other.checkpoints
        self.calls.add(other.calls)
        self.looked_at += other.looked_at
        self.settling += other.settling
        self.lines += other.lines


Recall = Callable[[str], bytes | None]
"""Returns the state that a reader left at a place, ``None`` if the place was never read."""

AskWanted = Callable[[Sequence[Message]], CallsWanted]
"""The one question that a reader asks about the messages it has just read: which of them are new?"""


class ReadScope(Struct, frozen=True):
    """The part of a store that a pass looks at."""

    sweep: bool = False
    """Look at everything, whatever the change marks say."""
    changed_paths: frozenset[str] | None = None
    """Look at these folders and files, which may have changed, and at what is in flight. ``None`` looks wherever
    a change mark that costs little to read shows a change."""
    is_last: bool = False
    """Look now at what would be looked at later: this process makes no other pass."""


class Store(Protocol):
    """One place with OpenCode's data, of any generation."""

    @property
    def name(self) -> str:
        """The path that a person knows the store by."""

    @property
    def folder(self) -> Path:
        """The folder to watch: the one that holds a database, or the one that holds a tree's messages."""

    @property
    def is_tree(self) -> bool:
        """True if the store also changes in folders below ``folder``."""

    @property
    def in_flight(self) -> Sequence[Path] | None:
        """The files that may change without another mark of change of the store. ``None`` if the last pass left more than
        these to be read."""

    def read(self, recall: Recall, ask_wanted: AskWanted, *, now_ms: int, scope: ReadScope) -> Iterator[Batch]:
        """Yield what may be new since the checkpoints, each message together with the calls that are ``wanted`` of it.

        Reading something again does no harm, because the ledger knows it by its id. Missing something does. A message
        whose caller OpenCode is writing just now is left for the next pass. Raises ``Unreadable``.
        """

    def read_calls(self, messages: Sequence[Message], wanted: CallsWanted) -> Calls:
        """Return the calls of messages that were read in an earlier batch and waited to be decided.

        Raises ``Unreadable`` if the store cannot be read now, ``BeingWritten`` if the next pass will know more.
        """

    def length(self) -> int:
        """Return about how many files or rows there are to look at."""

    def close(self) -> None:
        """Release files and connections, and forget what was read beyond the checkpoints."""
