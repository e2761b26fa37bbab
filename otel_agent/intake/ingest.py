"""Stores -> ledger: read what may be new, count what is, raise the totals, all in one transaction a batch."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.errors import LedgerError
from otel_agent.intake.traces import Traces
from otel_agent.ledger.totals import NewSeries, SeriesLimit
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Batch, Change, Message, Problem, ProblemKind, ReadScope, Store, ToolCall, Unreadable
from otel_agent.opencode import problem_files
from otel_agent.series.attributes import OVERFLOW
from otel_agent.series.tally import Increases, Tally

log = logging.getLogger(__name__)

_NS_PER_MS: Final = 1_000_000
_SAY: Final = 5
"""Troubles of one batch that get a line each in the log."""
_PROGRESS_NS: Final = 5 * 10**9
_NOTE_SWEEPS_MS: Final = 3_600_000
"""Sweeps of less than an hour after another are not written down: an agent at rest leaves the disk alone."""
_SETTLE: Final = 2_000
"""Turns ended in one transaction."""
_MAX_REPORTED: Final = 10_000
"""Places whose trouble is remembered as said, so that it is counted and said once. Then all is forgotten."""


class Rules(Struct, frozen=True):
    """How to count, from the settings."""

    disjoint: bool
    session_window_ms: int
    max_series: int
    killed_grace_ms: int
    lead_ns: int = 0
    """How long before it is first counted a series begins, at zero: a cycle of delivery."""


class Pass(Struct):
    """What one pass over all stores came to."""

    messages: int = 0
    """Counted now for the first time."""
    looked_at: int = 0
    """Files and rows …"""
    found: int = 0
    """… of about so many; 0 where that was not looked up."""
    done: bool = False
    stores: int = 0
    problems: int = 0


class Ingest:
    """Owned by the thread that owns the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        find_stores: Callable[[], tuple[Mapping[str, Store], list[Problem]]],
        rules: Rules,
        *,
        now_ns: Callable[[], int],
    ) -> None:
        self._ledger, self._find_stores, self._rules, self._now_ns = ledger, find_stores, rules, now_ns
        self._count_from_ms = ledger.backfill_from_ms
        self._tracing = Traces(ledger)
        self._stores: dict[str, Store] = {}
        self._reported: set[tuple[str, str]] = set()
        self._said_overflow = False
        self._said_progress_ns = self._began_ns = 0
        self._on_progress: Callable[[Pass], None] | None = None
        self._passed = False
        self.lag_s: float | None = None
        """From the completion of the message that was counted last to then; ``None`` before there was one, the history
        found at first left out."""
        self.overflowed = 0
        """How often something was added to an overflow series."""

    @property
    def stores(self) -> list[Store]:
        """Those of the last pass."""
        return list(self._stores.values())

    def run(
        self,
        *,
        sweep: bool = False,
        changed_paths: frozenset[str] | None = None,
        stopping: Callable[[], bool] = lambda: False,
        on_progress: Callable[[Pass], None] | None = None,
    ) -> Pass:
        """Read every store once, ``changed_paths``: of what has no cheap mark of change only the folders and files that are named.
        What ``stopping`` cuts short is read from its checkpoint next time. ``on_progress``
        is told after each stretch what was counted so far.

        A store that fails is named and left for the next pass; the others are read. Raises ``LedgerError`` where the
        ledger cannot be written (a full disk): nothing is lost, the readers start again from their checkpoints.
        """
        found, problems = self._find_stores()
        self._adopt(found)
        outcome, self._said_progress_ns = Pass(stores=len(found)), self._now_ns()
        if not self._ledger.swept_ms:
            outcome.found = sum(store.length() for store in self._stores.values())
        self._began_ns = self._now_ns()
        self._on_progress = on_progress
        try:
            sweep = self._forget(problem_files.changed(self._ledger.problems.files_and_folders())) or sweep
            if problems:
                self._enter(Batch(problems=problems), outcome)
            for store in self._stores.values():
                self._read(store, outcome, ReadScope(sweep, changed_paths), stopping)
                if stopping():
                    return outcome
            self._settle(outcome, stopping)
            self._passed = True
            if sweep and abs(self._now_ms() - self._ledger.swept_ms) > _NOTE_SWEEPS_MS:
                with self._ledger.transaction():
                    self._ledger.note_sweep(self._now_ms())
        except Unreadable as failure:
            self._enter(Batch(problems=[failure.problem]), outcome)
        except LedgerError:
            self.close()
            raise
        finally:
            outcome.done = True
            if on_progress is not None:
                on_progress(outcome)
        return outcome

    def close(self) -> None:
        """Forget what was read beyond the checkpoints, and let go of the stores."""
        for store in self._stores.values():
            store.close()
        self._stores.clear()

    def _adopt(self, found: Mapping[str, Store]) -> None:
        """Keep the stores that are known, with their connections; close those that went away."""
        for name in self._stores.keys() - found.keys():
            self._stores.pop(name).close()
        self._stores = {name: self._stores.get(name, store) for name, store in found.items()}

    def _read(self, store: Store, outcome: Pass, scope: ReadScope, stopping: Callable[[], bool]) -> None:
        """Whatever is wrong with a store's content, the others are read. One that was not read to its end forgets
        what it believes to have delivered, so that the next pass starts from its checkpoints."""
        met: set[str] = set()
        try:
            for batch in store.read(self._ledger.recall, now_ms=self._now_ms(), scope=scope):
                met.update(each.place for each in batch.problems)
                self._enter(batch, outcome, store)
                self._say_progress(outcome)
                if stopping():
                    store.close()
                    return
            self._forget(self._ledger.problems.not_seen_again(store.name, met, sweep=scope.sweep))
        except Unreadable as failure:
            store.close()
            self._enter(Batch(problems=[failure.problem]), outcome)
        except (OSError, ValueError) as error:
            store.close()
            self._enter(Batch(problems=[Problem(ProblemKind.UNEXPECTED, store.name, str(error))]), outcome)

    def _enter(self, batch: Batch, outcome: Pass, store: Store | None = None) -> None:
        new = self._unreported(batch.problems)
        ledger = self._ledger
        with ledger.transaction():
            changes = ledger.messages.record(batch.messages, batch.sessions, count_from_ms=self._count_from_ms)
            calls = self._tracing.enter(changes, [store] if store else [])
            self._add(changes, calls, new)
            if store is not None:
                ledger.store_counts.add(store.name, [change.message for change in changes if change.first])
            ledger.problems.note(batch.problems, now_ms=self._now_ms())
            ledger.remember(batch.checkpoints)
        self._report(new)
        self._note_lag(changes)
        outcome.messages += sum(change.first for change in changes)
        outcome.looked_at += batch.looked_at
        outcome.problems += len(new)

    def _forget(self, places: list[str]) -> bool:
        """What is wrong with them no longer, or may be so no longer. Returns whether there were any."""
        if places:
            with self._ledger.transaction():
                self._ledger.problems.forget(places)
        return bool(places)

    def _settle(self, outcome: Pass, stopping: Callable[[], bool]) -> None:
        """Decide what had to wait until every store was read."""
        now_ms, grace_ms = self._now_ms(), self._rules.killed_grace_ms
        messages = self._ledger.messages
        while messages.has_waiting(now_ms=now_ms, grace_ms=grace_ms) and not stopping():
            with self._ledger.transaction():
                changes = messages.resolve_waiting(now_ms=now_ms, grace_ms=grace_ms, count_from_ms=self._count_from_ms)
                self._add(changes, self._tracing.enter(changes, list(self._stores.values())), [])
            outcome.messages += len(changes)
        while not stopping() and self._tracing.settle(before_ms=now_ms - grace_ms, limit=_SETTLE):
            pass

    def _note_lag(self, changes: list[Change]) -> None:
        if self._passed and (counted := [change.message.ended_ms for change in changes if change.first]):
            self.lag_s = max(self._now_ms() - max(counted), 0) / 1_000

    def _add(self, changes: list[Change], calls: list[tuple[Message, ToolCall]], problems: list[Problem]) -> None:
        """Raise the totals by what a batch brought."""
        now_ns = self._now_ns()
        tally = Tally(disjoint=self._rules.disjoint).add(changes).add_calls(calls)
        tally.add_problems(each.kind.value for each in problems)
        totals = self._ledger.totals
        new = NewSeries(now_ns - self._rules.lead_ns, history=not self._ledger.swept_ms)
        limit = SeriesLimit(self._rules.max_series, OVERFLOW)
        folded = totals.raise_by(tally.increases, now_ns=now_ns, new=new, limit=limit)
        if changes:
            window_ns = self._rules.session_window_ms * _NS_PER_MS
            folded += totals.raise_by(
                self._by_session(changes),
                now_ns=now_ns,
                new=replace(new, windowed=True),
                limit=replace(limit, active_since_ns=now_ns - window_ns),
            )
        self.overflowed += folded
        if folded and not self._said_overflow:
            self._said_overflow = True
            log.warning(
                "max_series is reached: what belongs to more than %d series of a metric is added up in one with "
                "otel.metric.overflow=true. The totals stay true; raise max_series to tell them apart",
                limit.max_series,
            )

    def _say_progress(self, outcome: Pass) -> None:
        """A long history is read for minutes: say how far, every few seconds."""
        if self._on_progress is not None:
            self._on_progress(outcome)
        now_ns = self._now_ns()
        if now_ns - self._said_progress_ns > _PROGRESS_NS:
            self._said_progress_ns = now_ns
            log.info("counted %d messages so far%s", outcome.messages, self._left(outcome))

    def _left(self, outcome: Pass) -> str:
        """How much of a first import there still is, where that is known."""
        if not 0 < outcome.looked_at < outcome.found:
            return ""
        seconds = (self._now_ns() - self._began_ns) / 1e9
        left = seconds / outcome.looked_at * (outcome.found - outcome.looked_at)
        return f"; looked at {outcome.looked_at} of about {outcome.found} files and rows, about {left:.0f} s left"

    def _by_session(self, changes: list[Change]) -> Increases:
        """What the sessions active within the window gain. One that has no series yet brings all it ever used, so
        that its series shows the session's total from the start."""
        messages = self._ledger.messages
        since_ms = self._now_ms() - self._rules.session_window_ms
        tracked = messages.tracked([change.message.session_id for change in changes])
        tally = Tally(disjoint=self._rules.disjoint)
        tally.add_sessions(change for change in changes if change.message.session_id in tracked)
        active = {change.message.session_id for change in changes if change.message.ended_ms >= since_ms}
        for session_id in sorted(active - tracked):
            tally.add_sessions(messages.history_of(session_id, after=self._ledger.epoch_message))
            messages.track(session_id)
        return tally.increases

    def _unreported(self, problems: Iterable[Problem]) -> list[Problem]:
        """One of each kind for a place."""
        new: dict[tuple[str, str], Problem] = {}
        for each in problems:
            if (each.kind, each.place) not in self._reported:
                new.setdefault((each.kind, each.place), each)
        return list(new.values())

    def _report(self, problems: list[Problem]) -> None:
        """Say each trouble once: after the ledger counted it, so that a failed transaction reports it again."""
        if len(self._reported) > _MAX_REPORTED:
            self._reported.clear()
        for each in problems:
            self._reported.add((each.kind, each.place))
        for each in problems[:_SAY]:
            log.warning("%s", each)
        if len(problems) > _SAY:
            log.warning("… and %d more of the kind; otel_agent.message.unreadable counts them", len(problems) - _SAY)

    def _now_ms(self) -> int:
        return self._now_ns() // _NS_PER_MS
