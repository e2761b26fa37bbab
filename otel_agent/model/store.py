"""A store of OpenCode's, and what reading it brings."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from otel_agent.model.message import Caller, Message, Session, ToolCall
from otel_agent.model.problem import Problem


class Checkpoint(Struct, frozen=True, gc=False):
    """The progress of a reader at one place. Only that reader knows what ``state`` means."""

    place: str
    state: bytes


class Batch(Struct):
    """The result of one stretch of reading. Its checkpoints are true only once its messages are in the ledger."""

    messages: list[Message] = []
    sessions: list[Session] = []
    problems: list[Problem] = []
    checkpoints: list[Checkpoint] = []
    looked_at: int = 0
    """Files or rows, whatever they turned out to hold."""


Recall = Callable[[str], bytes | None]
"""Returns the state that a reader left at a place, ``None`` if the place was never read."""


class ReadScope(Struct, frozen=True):
    """The part of a store that a pass looks at."""

    sweep: bool = False
    """Look at everything, whatever the change marks say."""
    changed_paths: frozenset[str] | None = None
    """Look at these folders and files, which may have changed, and at what is in flight. ``None`` looks wherever
    a change mark that costs little to read shows a change."""


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

    def read(self, recall: Recall, *, now_ms: int, scope: "ReadScope") -> Iterator[Batch]:
        """Yield what may be new since the checkpoints.

        Reading something again does no harm, because the ledger knows it by its id. Missing something does.
        """

    def tool_calls(self, message: Message) -> list[ToolCall]:
        """Return the tool calls of the message, from its parts. Raises ``Unreadable`` if the store cannot be read now."""

    def caller(self, session: Session, at_ms: int) -> Caller | None:
        """Return the parent session's tool call that began a turn of this session at ``at_ms``. Raises ``Unreadable``."""

    def length(self) -> int:
        """Return about how many files or rows there are to look at."""

    def close(self) -> None:
        """Release files and connections, and forget what was read beyond the checkpoints."""
