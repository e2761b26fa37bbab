"""Amounts of usage, and the names of everything in which a recount and the ledger can differ."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

ROUNDING_NUSD: Final = 10_000
"""A hundred-thousandth of a dollar. OpenCode's own sums of floats differ by less; no call costs so little."""


class Amount(Struct, frozen=True):
    """Messages, the five categories of tokens, and cost in billionths of a dollar. A difference can be negative."""

    messages: int = 0
    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost_nusd: int = 0

    @property
    def numbers(self) -> tuple[int, ...]:
        """All fields in their order."""
        return self.messages, *self.tokens, self.cost_nusd

    @property
    def tokens(self) -> tuple[int, int, int, int, int]:
        """The five categories."""
        return self.input, self.output, self.reasoning, self.cache_read, self.cache_write

    @property
    def total(self) -> int:
        """The sum of the five categories."""
        return sum(self.tokens)

    def plus(self, other: "Amount") -> "Amount":
        """Return the sum in each field."""
        return Amount(*(mine + theirs for mine, theirs in zip(self.numbers, other.numbers, strict=True)))

    def minus(self, other: "Amount") -> "Amount":
        """Return the difference in each field."""
        return Amount(*(mine - theirs for mine, theirs in zip(self.numbers, other.numbers, strict=True)))

    def at_least(self, least: int) -> "Amount":
        """Return the amount with no field below ``least``."""
        return Amount(*(max(number, least) for number in self.numbers))

    def tokens_only(self) -> "Amount":
        """Return the amount without messages; without its cost too if there are no tokens, because that is rounding."""
        return Amount(0, *self.tokens, self.cost_nusd if any(self.tokens) else 0)

    def is_close_to(self, other: "Amount") -> bool:
        """True if messages and tokens are equal, and the cost is but for rounding."""
        mine, theirs = self.numbers, other.numbers
        return mine[:-1] == theirs[:-1] and abs(mine[-1] - theirs[-1]) <= ROUNDING_NUSD


class Cause(StrEnum):
    """The reasons for a difference. ``meaning`` says each as a sentence's rest; an unexplained one has no good reason.

    A place that cannot be read is unexplained, whoever has said so already: what is in it may be anything.
    """

    RECORDED_TWICE = "recorded_twice"
    FORK_COPY = "fork_copy"
    BACKFILL = "backfill"
    UNFINISHED = "unfinished"
    UNREAD = "unread"
    JUST_COUNTED = "just_counted"
    UNREADABLE = "unreadable"
    DELETED = "deleted"
    SESSION_DELETED = "session_deleted"
    SWITCHED_OFF = "switched_off"
    CORRECTED = "corrected"
    MOVED = "moved"
    BEFORE_FIRST_LOOK = "before_first_look"
    TOTALS_INCOMPLETE = "totals_incomplete"
    ROUNDING = "rounding"
    OTHER_IDENTITY = "other_identity"
    PENDING = "pending"
    UNANSWERED = "unanswered"
    ACCOUNTING = "accounting"
    KEPT = "kept"

    MISSING = "missing"
    NUMBERS = "numbers"
    ELSEWHERE = "elsewhere"
    DOUBLED = "doubled"
    NO_ORIGINAL = "no_original"
    ABOVE_TOTALS = "above_totals"
    BELOW_TOTALS = "below_totals"
    UNSEEN = "unseen"
    PUBLISHED = "published"
    UNBALANCED = "unbalanced"
    PROMETHEUS = "prometheus"
    SUMS = "sums"

    @property
    def is_explained(self) -> bool:
        """True if the difference is as it should be."""
        return self not in _UNEXPLAINED

    @property
    def is_of_delivery(self) -> bool:
        """True if the difference lies between the ledger's messages and what the backend accepted."""
        return self in _OF_DELIVERY

    @property
    def meaning(self) -> str:
        """The difference in words, as a line of a table has it."""
        return _MEANING[self]


_UNEXPLAINED: Final = frozenset(
    {
        *(Cause.MISSING, Cause.NUMBERS, Cause.ELSEWHERE, Cause.DOUBLED, Cause.NO_ORIGINAL),
        *(
            Cause.ABOVE_TOTALS,
            Cause.BELOW_TOTALS,
            Cause.UNSEEN,
            Cause.PUBLISHED,
            Cause.UNBALANCED,
            Cause.PROMETHEUS,
            Cause.SUMS,
        ),
    }
)

_OF_DELIVERY: Final = frozenset({Cause.OTHER_IDENTITY, Cause.PENDING, Cause.UNANSWERED, Cause.ACCOUNTING, Cause.KEPT})

_MEANING: Final = {
    Cause.RECORDED_TWICE: "recorded more than once under one id (an import, or an older store beside the new one)",
    Cause.FORK_COPY: "copied into a fork; the original counts",
    Cause.BACKFILL: "history that `backfill` leaves out",
    Cause.UNFINISHED: "never completed: in flight, or killed",
    Cause.UNREAD: "newer than what the agent has read",
    Cause.JUST_COUNTED: "counted while this was recounted",
    Cause.UNREADABLE: "cannot be read; `otel-agent doctor` names the place",
    Cause.DELETED: "counted, then deleted from its session (a revert, for example)",
    Cause.SESSION_DELETED: "counted, then deleted with its session or its store",
    Cause.SWITCHED_OFF: "left out by `unattributed_usage = false`",
    Cause.CORRECTED: "lowered by OpenCode after it was counted; what was counted stays",
    Cause.MOVED: "dated by 1.x; the import into 2.x gave it another time",
    Cause.BEFORE_FIRST_LOOK: "deleted before the agent saw it; only OpenCode's totals know it",
    Cause.TOTALS_INCOMPLETE: "not in OpenCode's own totals, which are incomplete",
    Cause.ROUNDING: "rounding of costs",
    Cause.OTHER_IDENTITY: "published under another identity, before the ledger was copied to this machine",
    Cause.PENDING: "pending: the backend has not accepted it yet",
    Cause.UNANSWERED: "sent without an answer: the backend may have it or not",
    Cause.ACCOUNTING: 'counted once by `accounting = "disjoint"`',
    Cause.KEPT: "counted before the ledger was lost, and no longer in OpenCode's storage; the backend's total goes on",
    Cause.MISSING: "complete in a store, and not counted",
    Cause.NUMBERS: "other numbers in the ledger than in the store",
    Cause.ELSEWHERE: "another day, model or session in the ledger than in the store",
    Cause.DOUBLED: "counted twice",
    Cause.NO_ORIGINAL: "called a copy, and no original counts",
    Cause.ABOVE_TOTALS: "more than OpenCode's own totals say",
    Cause.BELOW_TOTALS: "less than OpenCode's own totals say",
    Cause.UNSEEN: "a place cannot be read, so what is in it is unknown",
    Cause.PUBLISHED: "messages and published totals of the ledger differ",
    Cause.UNBALANCED: "records and differences do not add up to the ledger",
    Cause.PROMETHEUS: "Prometheus answers something else than it accepted",
    Cause.SUMS: "a sum that the ledger keeps is not what its messages add up to",
}
