"""Plain values of the questions that a report asks of the ledger, and of the answers. No SQL here."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Self

from msgspec import Struct

from otel_agent.model import Overlap, Tokens

SLOT_MS: Final = 900_000
"""A quarter of an hour: every zone's clock is ahead of UTC by a multiple of it, and changes at one."""


Period = tuple[int, int]
"""Milliseconds at which a period begins, and at which the next one does."""

UNATTRIBUTED: Final = "titles and other"
"""The name shown for the model and the agent of usage that only the totals of a session know."""


class Usage(Struct, frozen=True, gc=False):
    """The usage of a set of counted messages."""

    messages: int
    sessions: int
    tokens: Tokens
    overlap: Overlap
    cost_nusd: int

    @classmethod
    def of(cls, row: Sequence[int]) -> Self:
        """Return the usage of a row of sums: messages, sessions, five categories, two overlaps and cost."""
        return cls(row[0], row[1], Tokens(*row[2:7]), Overlap(*row[7:9]), row[9])

    @property
    def is_any(self) -> bool:
        """True if a message counted, or tokens that belong to none."""
        return bool(self.messages or self.tokens.total)

    def minus(self, part: "Usage") -> "Usage":
        """Return the rest of a set without a part of it that shares no session with the rest."""
        return Usage(
            self.messages - part.messages,
            self.sessions - part.sessions,
            self.tokens.minus(part.tokens),
            self.overlap.minus(part.overlap),
            self.cost_nusd - part.cost_nusd,
        )

    def plus(self, other: "Usage") -> "Usage":
        """Return the sum of two sets that have no session in common."""
        return Usage(
            self.messages + other.messages,
            self.sessions + other.sessions,
            self.tokens.plus(other.tokens),
            self.overlap.plus(other.overlap),
            self.cost_nusd + other.cost_nusd,
        )


NO_USAGE: Final = Usage(0, 0, Tokens(), Overlap(), 0)


class ProjectKey(Struct, frozen=True, order=True):
    """OpenCode's worktree (``/`` outside any project) and the working directory, as messages name them."""

    worktree: str
    directory: str


class Scope(Struct, frozen=True, kw_only=True):
    """A choice among the counted messages. A field that is ``None`` or empty does not restrict; globs ignore case."""

    since_ms: int | None = None
    """Messages that ended then or later …"""
    until_ms: int | None = None
    """… and before this."""
    projects: frozenset[ProjectKey] | None = None
    models: tuple[str, ...] = ()
    """Globs of the model or of ``provider/model``."""
    model: tuple[str, str] | None = None
    """Provider and model, if it is this one only: globs cannot tell a provider from the first part of a model's name."""
    agents: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    """Globs of the session's id or title."""
    session_ids: frozenset[str] | None = None


class Group(Struct, frozen=True, gc=False):
    """The usage of the messages that share a key, and when the first and the last of them ended."""

    key: tuple[str, ...]
    usage: Usage
    first_ms: int
    last_ms: int


class ToolUse(Struct, frozen=True):
    """The calls of one tool, or of the tools of one server."""

    name: str
    calls: int
    failed: int
    aborted: int
    first_ms: int
    """When the first and the last message ended that made such a call."""
    last_ms: int
    timed: int
    """Calls that ended by themselves and have times: those of the percentiles."""
    p50_ms: int | None
    """The nearest rank: a time that was measured. ``None`` if no call has times."""
    p95_ms: int | None
    usage: Usage
    """The usage of the messages that made the calls. A message that called two tools is in both."""


class KnownCalls(Struct, frozen=True):
    """Of how many messages the tool calls are known."""

    messages: int = 0
    since_ms: int | None = None
    """When the first of them ended."""
    not_read: int = 0
    """Messages of the history before the ledger whose calls nobody read yet."""
    gone: int = 0
    """Messages that OpenCode does not have any more: their calls will never be known."""


class ModelUsage(Struct, frozen=True):
    """The part of a row's usage that belongs to one model. It counts no sessions."""

    key: tuple[str, ...]
    """As ``Queries`` groups by this kind; of a period its begin in milliseconds, as digits."""
    provider: str
    model: str
    usage: Usage


class CountedMessage(Struct, frozen=True):
    """One counted message, with the session that it belongs to."""

    usage: Usage
    id: str
    session_id: str
    title: str
    parent_id: str
    """The session that started its session; empty if a person did."""
    created_ms: int
    ended_ms: int
    provider: str
    model: str
    agent: str
    worktree: str
    directory: str
    turn_id: str
    finish: str
    error_type: str


Amount = Literal["recorded", "disjoint", "messages", "cost", "first", "last", "nothing"]
"""A number of a session by which a list is sorted: tokens by an accounting, or when its first or last message ended."""


class SessionAmount(NamedTuple):
    """One number of a session, with the session that started it (empty if a person did) and its title."""

    session_id: str
    parent_id: str
    title: str
    amount: int


class SessionFacts(Struct, frozen=True, gc=False):
    """The session that started this one (empty if a person did), and its title."""

    parent_id: str
    title: str
