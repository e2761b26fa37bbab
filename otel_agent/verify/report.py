"""The result of a verification as plain values; its fields are those of the JSON."""

from collections.abc import Sequence

from msgspec import Struct

from otel_agent.ledger.reading import Reading
from otel_agent.verify.amounts import Amount, Cause


class StoreLine(Struct, frozen=True):
    """One store and how many records of calls it holds, complete or not."""

    name: str
    records: int


class Explained(Struct, frozen=True):
    """All differences with one good reason.

    Those ``between`` the stores and the ledger add up: records, plus what only OpenCode's totals hold, plus these, is the
    ledger. The others only say what else was met.
    """

    cause: Cause
    meaning: str
    between: bool
    amount: Amount
    sessions: int


class Unexplained(Struct, frozen=True):
    """A difference without a good reason. What does not apply is empty."""

    cause: Cause
    meaning: str
    day: str
    model: str
    session: str
    amount: Amount


class Agreement(Struct, frozen=True):
    """The number of days, models or sessions in the ledger, and of those in which nothing is unexplained."""

    agree: int
    all: int


class Report(Struct, frozen=True, kw_only=True):
    """The result: the sums that agree, each difference with its name and amount, and the unexplained ones."""

    stores: list[StoreLine]
    records: Amount
    """All complete records of all stores, copies and repetitions included."""
    only_in_totals: Amount
    """Usage in the totals of OpenCode 2.x's sessions that no record has."""
    ledger: Amount
    accepted: Amount
    """The part of the published totals that the backend accepted."""
    prometheus: Amount | None
    """PromQL's answer for this agent; ``None`` if nobody asked."""
    sessions_with_totals: int
    """Sessions that were also checked against OpenCode's own totals."""
    days: Agreement
    models: Agreement
    sessions: Agreement
    explained: list[Explained]
    unexplained: list[Unexplained]
    spans_pending: int
    delivery: str
    """The reason why the backend accepts no totals at present; empty if it does."""
    rejected: int = 0
    """Data points that the backend left out of requests that it accepted. It does not say which, so ``accepted`` has them."""
    accepted_by: str = ""
    """The backend that accepted them, without keys; empty if none did."""
    backend: str = ""
    """The backend that the settings name; empty if there is none."""
    reading: Reading | None = None
    """How far the reading of history is; ``None`` if it has ended."""
    reading_stopped: bool = False
    """True if no process reads on now."""

    @property
    def exit_code(self) -> int:
        """0 if everything is explained, else 1."""
        return 1 if self.unexplained else 0


def count_agreeing(keys: Sequence[str], differing: set[str]) -> Agreement:
    """Return how many of the keys have nothing unexplained."""
    return Agreement(sum(key not in differing for key in keys), len(keys))
