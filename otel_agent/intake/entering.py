"""Writes what readers yield into the ledger: messages, turns, calls, totals, problems and checkpoints, all or nothing."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import Final

from otel_agent.intake.counting import Counting, Rules
from otel_agent.intake.history import History
from otel_agent.intake.joining import ALONE, FIRST_LOOK_SECONDS, Joined, few_collections
from otel_agent.intake.pass_progress import Pass
from otel_agent.intake.problem_log import ProblemLog
from otel_agent.intake.residual import Residual
from otel_agent.intake.traces import Traces
from otel_agent.intake.unreadable_stores import UnreadableStores
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Batch, Change, Store

_NS_PER_MS: Final = 1_000_000


class Entering:
    """The way of a batch into the ledger, the same for a single message and for a history."""

    def __init__(
        self,
        ledger: Ledger,
        rules: Rules,
        counting: Counting,
        traces: Traces,
        residual: Residual,
        history: History,
        unreadable: UnreadableStores,
        now_ns: Callable[[], int],
    ) -> None:
        self._ledger, self._rules, self._counting, self._traces = ledger, rules, counting, traces
        self._residual, self._history, self._unreadable, self._now_ns = residual, history, unreadable, now_ns
        self._problem_log = ProblemLog()
        self.count_from_ms = ledger.backfill_from_ms
        """Messages that ended before this are entered, and do not count."""
        self.is_news = False
        """True once a pass has ended: what comes from then on is no history."""
        self.lag_s: float | None = None
        """Seconds from the end of the last message that was news until it was counted."""

    def enter_all(self, batches: Iterator[Batch], outcome: Pass, store: Store, goes_on: Callable[[], bool]) -> bool:
        """Write what a store yields; return False if ``goes_on``, asked after each batch, cut that short.

        Raises what the store raises, after all that it yielded was written, and ``LedgerError``.
        """
        first_look = not self._ledger.swept_ms
        with few_collections() if first_look else nullcontext():
            for batch in batches:
                together = Joined(batch, batches, FIRST_LOOK_SECONDS if first_look else ALONE, goes_on)
                self.enter(together, outcome, store)
                totals = together.last.totals
                if totals is not None and self._rules.unattributed_usage:
                    self._residual.note(store.name, totals)
                if together.failure is not None:
                    raise together.failure
                if not goes_on():
                    return False
        return True

    def enter(self, batches: Iterable[Batch], outcome: Pass, store: Store | None = None) -> None:
        """Write the batches of one store in one transaction. Each is written before the next one is asked for.

        Raises what ``batches`` raises, and ``LedgerError``. Then nothing of them is written.
        """
        self._problem_log.begin()
        self._residual.begin()
        ends: list[int] = []
        looked_at, settling = outcome.looked_at, outcome.settling
        try:
            with self._counting.transaction():
                for batch in batches:
                    changes = self._write(batch, outcome, store)
                    ends += [change.message.ended_ms for change in changes if change.first]
        except BaseException:
            self._residual.undo()
            outcome.looked_at, outcome.settling = looked_at, settling
            raise
        # Only now, because a transaction that failed is tried again and must say the same again.
        outcome.problems += self._problem_log.write()
        outcome.messages += len(ends)
        if self.is_news and ends:
            self.lag_s = max(self._now_ms() - max(ends), 0) / 1_000

    def _write(self, batch: Batch, outcome: Pass, store: Store | None) -> list[Change]:
        new = self._problem_log.new(batch.problems)
        ledger, calls = self._ledger, batch.calls
        messages = [calls.timed(message) for message in batch.messages] if calls.answers else batch.messages
        if store is not None:
            self._unreadable.note_origins(messages, store)
        changes = ledger.messages.record(messages, batch.sessions, count_from_ms=self.count_from_ms)
        if batch.beside is not None and store is not None:
            changes = self._residual.set_off(store.name, changes, batch.beside, now_ms=self._now_ms())
        self._counting.add(changes, self._traces.enter(changes, calls), new)
        if store is not None:
            ledger.store_counts.add(store.name, [change.message for change in changes if change.first])
        ledger.problems.forget_read(batch.messages, batch.problems)
        ledger.problems.note(batch.problems, now_ms=self._now_ms())
        ledger.changed_lines.note(batch.lines)
        ledger.remember(batch.checkpoints)
        self._history.note()
        outcome.looked_at += batch.looked_at
        outcome.settling += batch.settling
        return changes

    def _now_ms(self) -> int:
        return self._now_ns() // _NS_PER_MS
