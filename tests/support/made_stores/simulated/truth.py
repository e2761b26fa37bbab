"""The author's books: every simulated model call, where it is recorded now, and what a reader could see of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.made_stores.records import Tokens

Place = tuple[str, str, str]
"""A row: database, table and id."""
Owner = tuple[str, str]
"""A session in a database."""

DAY = 86_400_000
MESSAGE, COMPACTION, TITLE, UNATTRIBUTED = "message", "compaction", "title", "unattributed"


@dataclass(eq=False, slots=True)
class Call:
    """One model call. ``rows`` and ``totals`` say where it is recorded; a call that nothing records is nowhere."""

    kind: str
    tokens: Tokens
    cost_nusd: int
    is_message: bool = True
    """False for the further calls of one compaction."""
    rows: set[Place] = field(default_factory=set)
    totals: set[Owner] = field(default_factory=set)
    seen_as: str = ""
    """The source under which a reader saw it first."""
    seen_in_row: bool = False


@dataclass(slots=True)
class Truth:
    """The books. ``look`` is what a reader sees at a moment; what was seen once stays counted."""

    calls: list[Call] = field(default_factory=list)
    by_row: dict[Place, list[Call]] = field(default_factory=dict)
    running: dict[Owner, int] = field(default_factory=dict)
    """Sessions with a compaction that has not ended, and since when: for a day their totals say nothing."""

    def called(self, kind: str, *, is_message: bool = True, used: bool = True) -> Call:
        """Return a new call. No two calls use the same, and no sum of few of them is another's usage."""
        n = len(self.calls) + 1
        tokens = Tokens(1_000 + 37 * n, 80 + n, 7 * (n % 3), 400 * (n % 2) + n, n % 5) if used else Tokens()
        self.calls.append(Call(kind, tokens, (1_234_567 + 89_011 * n) if used else 0, is_message))
        return self.calls[-1]

    def row(self, place: Place, *calls: Call) -> None:
        """The row at ``place`` says what these calls used."""
        for call in calls:
            call.rows.add(place)
        self.by_row.setdefault(place, []).extend(calls)

    def copied(self, place: Place, to: Place) -> None:
        """The row at ``to`` is a copy, or the same row in another table."""
        self.gone(to)
        self.row(to, *self.by_row.get(place, ()))

    def gone(self, place: Place) -> None:
        for call in self.by_row.pop(place, ()):
            call.rows.discard(place)

    def total(self, owner: Owner, *calls: Call) -> None:
        """The totals of this session hold these calls."""
        for call in calls:
            call.totals.add(owner)

    def totals_of(self, owner: Owner) -> list[Call]:
        return [call for call in self.calls if owner in call.totals]

    def totals_gone(self, owner: Owner) -> None:
        for call in self.calls:
            call.totals.discard(owner)
        self.running.pop(owner, None)

    def look(self, now: int) -> None:
        """A reader looks now: it sees rows, and what totals hold of sessions in which nothing is being summed up."""
        running = {owner for owner, since in self.running.items() if now - since <= DAY}
        for call in self.calls:
            call.seen_in_row = call.seen_in_row or bool(call.rows)
            if not call.seen_as and call.rows:
                call.seen_as = call.kind
            elif not call.seen_as and call.totals - running:
                call.seen_as = UNATTRIBUTED

    def tokens(self) -> dict[str, Tokens]:
        """Return what was to be seen, by source."""
        found: dict[str, Tokens] = {}
        for call in self.calls:
            if call.seen_as:
                found[call.seen_as] = found.get(call.seen_as, Tokens()).plus(call.tokens)
        return {source: tokens for source, tokens in found.items() if any(tokens)}

    def cost_nusd(self) -> int:
        return sum(call.cost_nusd for call in self.calls if call.seen_as)

    def messages(self) -> int:
        return sum(call.is_message and call.seen_in_row for call in self.calls)
