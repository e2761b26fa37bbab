"""Problems: what could not be read or counted of OpenCode's storage, and what that means for a person."""

from enum import StrEnum
from typing import Final

from msgspec import Struct


class ProblemKind(StrEnum):
    """The reason why something in OpenCode's storage was not, or not fully, counted."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    BAD_NUMBER = "bad_number"
    BAD_TIME = "bad_time"
    BAD_ID = "bad_id"
    NO_ACCESS = "no_access"
    NOT_LISTED = "not_listed"
    LOCKED = "locked"
    SILENT = "silent"
    BUSY = "busy"
    DAMAGED = "damaged"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNKNOWN_FIELDS = "unknown_fields"
    UNEXPECTED = "unexpected"
    CALLS_LOST = "calls_lost"

    @classmethod
    def _missing_(cls, value: object) -> "ProblemKind":
        """Read a kind that a later version noted in the ledger."""
        del value
        return cls.UNEXPECTED

    @property
    def meaning(self) -> str:
        """The fault and what happens next, as the rest of a sentence that begins with one place.

        A sentence about several places begins with "each".
        """
        return _MEANING[self]

    @property
    def is_of_a_store(self) -> bool:
        """True for a problem of a store as a whole, which every pass finds again for as long as it lasts."""
        return self in _OF_A_STORE


_OF_A_STORE: Final = frozenset(
    {ProblemKind.LOCKED, ProblemKind.SILENT, ProblemKind.BUSY, ProblemKind.DAMAGED, ProblemKind.UNEXPECTED}
)

_MEANING: Final = {
    ProblemKind.MALFORMED: "is no complete JSON object, or has no id, session or time; it is read again when it changes",
    ProblemKind.TOO_LARGE: "is too large to be read; it is left out",
    ProblemKind.BAD_NUMBER: "has an impossible number; that number counts as zero, everything else counts",
    ProblemKind.BAD_TIME: "has an impossible time; it counts once the time is corrected",
    ProblemKind.BAD_ID: "has an id that cannot be the name of a file; it counts, but its tool calls are not looked for",
    ProblemKind.NO_ACCESS: "cannot be read by this user; give permission, and the next pass reads it",
    ProblemKind.NOT_LISTED: "cannot be listed by this user; stores in it that are known by name are read, others cannot be seen",
    ProblemKind.LOCKED: "is locked by another program; the next pass tries again",
    ProblemKind.SILENT: "does not answer, like a network mount that is gone; it is read once it answers, the others are read now",
    ProblemKind.BUSY: "is being read, and a very long folder in it takes time; what is new in it counts then, the others are read now",
    ProblemKind.DAMAGED: "is not a readable database; the next pass tries again",
    ProblemKind.UNKNOWN_SCHEMA: "has tables that this version does not know; look for a newer otel-agent",
    ProblemKind.UNKNOWN_FIELDS: "has fields that this version does not know, so tokens are missing; look for a newer otel-agent",
    ProblemKind.CALLS_LOST: "counts, but its tool calls and its caller may be missing: they could not be read in time",
    ProblemKind.UNEXPECTED: "holds something that this version cannot read; please report it. The next pass tries again",
}


class Problem(Struct, frozen=True, gc=False):
    """One problem at one place, as a reader reports it."""

    kind: ProblemKind
    place: str
    """The file or the row; never its content."""
    detail: str = ""

    def __str__(self) -> str:
        """Return the place, what is wrong with it and what happens next: a sentence for the log."""
        return f"{self.place} {self.kind.meaning}" + (f" ({self.detail})" if self.detail else "")


class ProblemPlace(Struct, frozen=True, gc=False):
    """A place that has a problem, and when the ledger noted it."""

    place: str
    kind: ProblemKind
    noted_ms: int


class Unreadable(Exception):
    """Something exists and cannot be read; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem
