"""Stores -> ledger: read what may be new, then count what is new and raise the totals, in one transaction for each batch.

A batch is read before its transaction begins. Only a first look reads on inside one: another process reads for it then.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from otel_agent.errors import LedgerError
from otel_agent.intake.counting import Counting, Rules
from otel_agent.intake.entering import Entering
from otel_agent.intake.history import History
from otel_agent.intake.idle_turns import end_idle_turns
from otel_agent.intake.lines_of_code import count_lines
from otel_agent.intake.mended_places import mended_places
from otel_agent.intake.pass_progress import Pass, Progress
from otel_agent.intake.readings import Readings
from otel_agent.intake.residual import Residual
from otel_agent.intake.traces import Traces
from otel_agent.intake.unread_calls import UnreadCalls
from otel_agent.intake.unreadable_stores import UnreadableStores
from otel_agent.ledger.writer import Ledger
from otel_agent.model import (
    Batch,
    BeingWritten,
    Calls,
    Message,
    Problem,
    ProblemKind,
    ReadScope,
    State,
    Store,
    Unreadable,
)

__all__ = ["Ingest", "Pass", "Rules"]

_NS_PER_MS: Final = 1_000_000
_NOTE_SWEEPS_MS: Final = 3_600_000
"""A sweep within an hour of the last one is not written down: an agent at rest leaves the disk alone."""
_FAILURES: Final = (Unreadable, OSError, ValueError, ArithmeticError, RecursionError, MemoryError)
"""The ways in which the reading of a store fails, whatever is in it."""


class Ingest:
    """Reads all stores and counts what is new. The thread that owns the ledger owns it, and nothing here waits for OpenCode."""

    def __init__(
        self,
        ledger: Ledger,
        find_stores: Callable[[], tuple[Mapping[str, Store], list[Problem]]],
        rules: Rules,
        *,
        now_ns: Callable[[], int],
    ) -> None:
        self._ledger, self._find_stores, self._rules, self._now_ns = ledger, find_stores, rules, now_ns
        self._traces = Traces(ledger)
        self._residual = Residual(ledger)
        self._counting = Counting(ledger, rules, now_ns)
        self._history = History(ledger)
        self._stores: dict[str, Store] = {}
        self.readings = Readings(ledger.recall, self._traces.wanted, ledger.may_recall)
        """The readings under way, and which places do not answer."""
        self._unreadable = UnreadableStores(ledger, rules)
        self._unread_calls = UnreadCalls(ledger, rules)
        self._entering = Entering(
            ledger, rules, self._counting, self._traces, self._residual, self._history, self._unreadable, now_ns
        )

    @property
    def overflowed(self) -> int:
        """Number of increases that were added to an overflow series."""
        return self._counting.overflowed

    @property
    def lag_s(self) -> float | None:
        """Seconds from the completion of the last counted message until it was counted. ``None`` before there was one;
        the history that the first pass finds does not count."""
        return self._entering.lag_s

    @property
    def stores(self) -> list[Store]:
        """The stores of the last pass."""
        return list(self._stores.values())

    @property
    def in_flight(self) -> list[Path] | None:
        """The files that may change although all stores look the same. ``None`` if the last pass left more than these."""
        found = [store.in_flight for store in self._stores.values()]
        if self._residual.waits or self._unreadable.names or None in found:
            return None
        return [path for paths in found for path in paths or ()]

    def run(
        self,
        *,
        sweep: bool = False,
        changed_paths: frozenset[str] | None = None,
        is_last: bool = False,
        stopping: Callable[[], bool] = lambda: False,
        on_progress: Callable[[Pass], None] | None = None,
    ) -> Pass:
        """Read every store once; with ``changed_paths``, look only at these folders and files if a store has no cheap mark
        of change. ``is_last`` leaves nothing for a later one. If ``stopping`` cuts the pass short, the next one goes on from the checkpoints.
        ``on_progress`` is called after each batch with the result so far.

        A store that fails is named and left for the next pass; the others are read. Raises ``LedgerError`` if the
        ledger cannot be written (a full disk): nothing is lost, the readers start again from their checkpoints.
        """
        self._ledger.check_in_place()
        found, problems = self._find_stores()
        self._adopt(found)
        self._unreadable.begin_pass(self._stores, problems)
        self.readings.note_folders(problems)
        outcome = self._history.begin(self._stores)
        progress = Progress(outcome, self._now_ns, on_progress)
        try:
            # A place whose problem may be gone is looked at again, and only a sweep looks at everything.
            sweep = self._forget(mended_places(self._ledger, self._stores, problems)) or sweep
            if problems:
                self._entering.enter([Batch(problems=problems)], outcome)
            if sweep:
                self._put_times_right()
            self._read_all(outcome, ReadScope(sweep, changed_paths, is_last), stopping, progress)
            if changed_paths is None and not stopping():
                self._ledger.note_all_read()
        except LedgerError:
            self.close()
            raise
        finally:
            progress.at_end()
        return outcome

    def _read_all(self, outcome: Pass, scope: ReadScope, stopping: Callable[[], bool], progress: Progress) -> None:
        for store in self._stores.values():
            self._read(store, outcome, scope, stopping, progress)
            if stopping():
                return  # what waits cannot be decided: the original of a copy may be in a store that was not read
        if not self._ledger.swept_ms:
            self._counting.begin_session_series(stopping)
        self._resolve_waiting(outcome, stopping)
        self._end_turns(scope, stopping)
        self._count_residual()
        count_lines(self._ledger, self._counting, stopping)
        self._entering.is_news = True
        swept = scope.sweep and abs(self._now_ms() - self._ledger.swept_ms) > _NOTE_SWEEPS_MS
        if swept or self._history.has_news(scope):
            with self._ledger.transaction():
                if swept:
                    self._ledger.note_sweep(self._now_ms())
                self._history.end()

    def _put_times_right(self) -> None:
        """Replace what a wrong clock wrote, and go on with what holds now."""
        self._ledger.put_times_right(now_ns=self._now_ns(), backfill_from_ms=self._ledger.backfill_from_ms)
        self._entering.count_from_ms = self._residual.count_from_ms = self._ledger.backfill_from_ms
        self._traces.from_ms = self._ledger.calls_from_ms

    def close(self) -> None:
        """Forget what was read beyond the checkpoints, and close the stores."""
        for store in self._stores.values():
            self.readings.close(store)
        self._stores.clear()

    def _adopt(self, found: Mapping[str, Store]) -> None:
        """Keep the stores that are known, with their connections; close those that went away."""
        for name in self._stores.keys() - found.keys():
            self.readings.close(self._stores.pop(name))
        self._stores = {name: self._stores.get(name, store) for name, store in found.items()}

    def _read(
        self, store: Store, outcome: Pass, scope: ReadScope, stopping: Callable[[], bool], progress: Progress
    ) -> None:
        """Whatever is wrong with a store's content, the others are read. A store that was not read to its end is closed: it
        forgets what it yielded, so that the next pass starts from its checkpoints."""
        met: set[str] = set()
        if self._unreadable.rests(store, sweep=scope.sweep):
            return

        def goes_on() -> bool:
            progress.after_batch()
            return not stopping()

        batches = self.readings.batches(store, now_ms=self._now_ms(), scope=scope)
        try:
            if not self._entering.enter_all(self._prepared(batches, store, met, outcome), outcome, store, goes_on):
                self.readings.close(store, batches)
                return
            self._history.note_read(store, met)
            if store.name in met:
                self._unreadable.note_failed(store)
            else:
                self._unreadable.note_read(store, whole=scope.changed_paths is None)
            if not store.is_tree or scope.changed_paths is None:
                self._forget(self._ledger.problems.not_seen_again(store.name, met, sweep=scope.sweep))
        except _FAILURES as failure:
            self._note_failure(store, failure, outcome)

    def _prepared(self, batches: Iterable[Batch], store: Store, met: set[str], outcome: Pass) -> Iterator[Batch]:
        """Yield the batches without messages that wait. ``met`` gets the places of their problems."""
        for batch in batches:
            met.update(each.place for each in batch.problems)
            self._unread_calls.hold_back(batch, now_ms=self._now_ms())
            self._history.before_batch(store, batch, outcome)
            yield batch

    def _note_failure(self, store: Store, failure: Exception, outcome: Pass) -> None:
        self.readings.close(store)
        self._unreadable.note_failed(store, silent=self.readings.is_left(store))
        unexpected = Problem(ProblemKind.UNEXPECTED, store.name, str(failure))
        problem = failure.problem if isinstance(failure, Unreadable) else unexpected
        self._entering.enter([Batch(problems=[problem])], outcome)

    def _forget(self, places: list[str]) -> bool:
        """Forget the problems of these places, which are gone or may be gone. Return True if there were any."""
        if places:
            with self._ledger.transaction():
                self._ledger.problems.forget(places)
        return bool(places)

    def _resolve_waiting(self, outcome: Pass, stopping: Callable[[], bool]) -> None:
        """Decide the messages and end the turns that had to wait until every store was read."""
        now_ms, grace_ms = self._now_ms(), self._rules.killed_grace_ms
        waiting, left = self._ledger.waiting, 0
        # A chunk at a time: a copy may be decided by an original that counted in the chunk before.
        while not stopping() and (
            found := waiting.decide(
                now_ms=now_ms, grace_ms=grace_ms, count_from_ms=self._entering.count_from_ms, left=left
            )
        ):
            decisions = self._unreadable.decidable(found, self._unreadable.awaited(now_ms))
            # The stores are read before the transaction begins: it must not wait for OpenCode.
            try:
                calls = self._read_calls([each.message for each in decisions if each.state is State.COUNTED], outcome)
            except BeingWritten:
                break  # the next pass decides them, with their calls
            # Once more: a store may have failed just now, and what came from it waits.
            decisions = self._unreadable.decidable(decisions, self._unreadable.awaited(now_ms))
            unread = self._unread_calls.judge([each.message for each in decisions], calls, now_ms=now_ms)
            if unread.problems:
                self._entering.enter([Batch(problems=unread.problems)], outcome)
            decisions = [each for each in decisions if each.message.id not in unread.waiting]
            left += len(found) - len(decisions)
            decisions = [replace(each, message=calls.timed(each.message)) for each in decisions]
            with self._counting.transaction():
                changes = waiting.resolve(decisions)
                self._counting.add(changes, self._traces.enter(changes, calls))
                for name, of_store in self._unreadable.by_origin(change.message for change in changes).items():
                    self._ledger.store_counts.add(name, of_store)
            self._unreadable.forget_decided(decisions)
            outcome.messages += len(changes)

    def _end_turns(self, scope: ReadScope, stopping: Callable[[], bool]) -> None:
        before_ms = self._now_ms() - self._rules.killed_grace_ms
        turns, traces, counting = self._ledger.turns, self._traces, self._counting
        end_idle_turns(turns, traces, counting, before_ms=before_ms, sweep=scope.sweep, stopping=stopping)

    def _count_residual(self) -> None:
        """Count what only the totals of sessions know, now that every row of the pass is in the ledger."""
        unreadable, awaited = self._unreadable.names, self._unreadable.awaited(self._now_ms())
        while found := self._residual.find(now_ms=self._now_ms(), unreadable=unreadable, awaited=awaited):
            with self._counting.transaction():
                self._counting.add(self._residual.enter(found))

    def _read_calls(self, counted: list[Message], outcome: Pass) -> Calls:
        """A message is not tied to a store: each that can be read is asked, and the first that knows its calls is right."""
        wanted = self._traces.wanted_of_counted(counted)
        calls = Calls()
        for store in self._stores.values() if wanted.messages else ():
            if store.name in self._unreadable.names:
                continue
            try:
                calls.add(self.readings.ask(store, partial(store.read_calls, counted, wanted)))
            except _FAILURES as failure:
                self._note_failure(store, failure, outcome)
        return calls

    def _now_ms(self) -> int:
        return self._now_ns() // _NS_PER_MS
