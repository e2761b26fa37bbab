"""Notes in the ledger how far the reading of a long history is, so that a summary beside it knows that totals are incomplete."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from otel_agent.intake.pass_progress import Pass
from otel_agent.ledger.reading import NOT_BEGUN, Reading
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Batch, ReadScope, Store
from otel_agent.opencode.answering import NoAnswer, answer_of

_LONG: Final = 2_000
"""Files and rows of a new store; fewer are read before anybody could ask."""


class History:
    """The first look at everything and, later, at a store that appears with a long history of its own.

    A reading that was broken off goes on in the next pass, in this process or in another one.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: frozenset[str] = frozenset()
        """The stores that were once read to their end …"""
        self._named = False
        """… and True if the ledger names them."""
        self._is_open = False
        self._reading = NOT_BEGUN
        self._looked_at: Counter[str] = Counter()
        """Files and rows of each store that is not known, in this pass."""
        self._read: set[str] = set()

    def begin(self, stores: Mapping[str, Store]) -> Pass:
        """Begin a pass over all stores. It continues the numbers of a pass over the same history that was broken off."""
        first, left, named = not self._ledger.swept_ms, self._ledger.history.unfinished(), self._ledger.history.stores()
        # A ledger of an older release does not name its stores; it has read those that are there.
        self._known = named if named is not None else frozenset() if first else frozenset(stores)
        self._named, self._is_open = named is not None, first or left is not None
        self._reading = left or NOT_BEGUN
        # Only the first import takes so long that counting the files first is worth it.
        if first:
            self._reading = replace(self._reading, found=sum(map(_length, stores.values())))
        self._looked_at.clear()
        self._read.clear()
        before, found = self._reading.looked_at, self._reading.found
        return Pass(stores=len(stores), looked_at=before, looked_at_before=before, found=found)

    def before_batch(self, store: Store | None, batch: Batch, outcome: Pass) -> None:
        """Count what a batch looked at. It may ask a store that is new to a known ledger for its length, never in a first look."""
        if store is None or store.name in self._known:
            return
        self._looked_at[store.name] += batch.looked_at
        looked_at = self._looked_at[store.name]
        if self._is_open:
            self._reading = replace(self._reading, looked_at=self._reading.looked_at + batch.looked_at)
        elif looked_at >= _LONG:
            self._is_open, outcome.found = True, _length(store)
            self._reading = Reading(looked_at, outcome.found)

    def note(self) -> None:
        """Write down how far the reading is, in the transaction that writes the batch."""
        if self._is_open:
            self._ledger.history.note(self._reading)

    def note_read(self, store: Store, troubled: Iterable[str]) -> None:
        """Note that a store was read to its end, unless it is itself among the places with a problem."""
        if store.name not in troubled:
            self._read.add(store.name)

    def has_news(self, scope: ReadScope) -> bool:
        """Return True if the end of the pass has something to write down."""
        # A pass that looks only at what was hinted at has read no history to its end.
        whole = scope.changed_paths is None
        return whole and (self._is_open or not self._named or not self._read <= self._known)

    def end(self) -> None:
        """Note that everything was read. Runs inside a transaction, and only after the last batch."""
        history = self._ledger.history
        if self._is_open:
            history.end()
        if not self._named or not self._read <= self._known:
            self._known |= self._read
            history.note_stores(self._known)
        self._is_open, self._named = False, True


def _length(store: Store) -> int:
    try:
        return answer_of(f"length of {store.name}", store.length)
    except NoAnswer:
        return 0  # the reading says so
