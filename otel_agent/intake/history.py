"""Notes in the ledger how far the reading of a long history is, so that a summary beside it knows that totals are incomplete."""

from collections.abc import Iterable, Mapping
from typing import Final

from otel_agent.intake.pass_progress import Pass
from otel_agent.ledger.reading import Reading
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Batch, ReadScope, Store

_LONG: Final = 2_000
"""Files and rows of a new store; fewer are read before anybody could ask."""


class History:
    """The first look at everything and, later, at a store that appears with a long history of its own.

    A reading that was broken off goes on in the next pass, in this process or in another one.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: frozenset[str] = frozenset()
        self._named = False
        """True if the ledger names the known stores."""
        self._is_open = False
        self._read: set[str] = set()

    def begin(self, stores: Mapping[str, Store]) -> Pass:
        """Begin a pass over all stores. It continues the numbers of a pass over the same history that was broken off."""
        history = self._ledger.history
        first, left = not self._ledger.swept_ms, history.unfinished()
        known = history.stores()
        # A ledger of an older release does not name its stores; it has read those that are there.
        self._named = known is not None
        self._known = known if known is not None else frozenset() if first else frozenset(stores)
        self._is_open, self._read = first or left is not None, set()
        before = left.looked_at if left else 0
        # Only the first import takes so long that counting the files first is worth it.
        found = sum(store.length() for store in stores.values()) if first else left.found if left else 0
        return Pass(stores=len(stores), looked_at=before, looked_at_before=before, found=found)

    def before_batch(self, store: Store | None, batch: Batch, outcome: Pass) -> None:
        """Notice that this pass reads the long history of a new store. Not inside a transaction: it asks the store."""
        is_new = store is not None and store.name not in self._known
        if store is not None and is_new and not self._is_open and outcome.looked_at + batch.looked_at >= _LONG:
            self._is_open, outcome.found = True, store.length()

    def note(self, batch: Batch, outcome: Pass) -> None:
        """Write down how far the reading is, in the transaction that writes the batch."""
        if self._is_open:
            self._ledger.history.note(Reading(outcome.looked_at + batch.looked_at, outcome.found))

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
