"""What a transaction adds to the series: those of all messages, and those of the sessions that were active lately."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from otel_agent.intake.loop_radar import LoopRadar
from otel_agent.intake.traces import Entered
from otel_agent.ledger.totals import NewSeries, SeriesLimit
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Change, EndedTurn, GainedLines, Problem, ProblemKind
from otel_agent.series.attributes import OVERFLOW
from otel_agent.series.tally import Increases, Tally

log = logging.getLogger(__name__)

_NS_PER_MS: Final = 1_000_000
_NOTHING: Final = Entered()


class Rules(Struct, frozen=True):
    """The settings that decide how messages are counted."""

    disjoint: bool
    session_window_ms: int
    max_series: int
    killed_grace_ms: int
    unattributed_usage: bool = True
    """Count what only the totals of a session know."""
    loop_repeats: int = 0
    """A tool call is a loop from so many times with the same input on; 0 never looks."""
    loop_calls_per_minute: int = 0
    """More calls of the model than this in a session's minute are noticed; 0 never looks."""
    lead_ns: int = 0
    """A series begins at zero, so long before it is first counted: one export interval."""


class Counting:
    """Raises the totals. What is added in a ``transaction`` raises them once, at its end."""

    def __init__(self, ledger: Ledger, rules: Rules, now_ns: Callable[[], int]) -> None:
        self._ledger, self._rules, self._now_ns = ledger, rules, now_ns
        self._radar = LoopRadar(ledger, repeats=rules.loop_repeats, calls_per_minute=rules.loop_calls_per_minute)
        self._begin_tallies()
        self._said_overflow = False
        self.overflowed = 0
        """Number of increases that were added to an overflow series."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything inside to the ledger, with all that it adds to the totals, or nothing if it raises."""
        self._radar.begin()
        self._begin_tallies()
        with self._ledger.transaction():
            yield
            now_ns = self._now_ns()
            folded = self._raise(self._tally.increases, now_ns)
            folded += self._raise_by_session(self._of_sessions.increases, now_ns)
        self._begin_tallies()
        self._note_overflow(folded)
        # Only now: a transaction that failed is tried again, and says the same again.
        self._radar.write()

    def _begin_tallies(self) -> None:
        self._tally = Tally(disjoint=self._rules.disjoint)
        self._of_sessions = Tally(disjoint=self._rules.disjoint)

    def add(self, changes: list[Change], beside: Entered = _NOTHING, problems: Sequence[Problem] = ()) -> None:
        """Add what a batch brought."""
        self._tally.add(changes).add_calls(beside.calls).add_turns(beside.ended)
        if beside.calls:
            self._tally.add_repeats(self._radar.repeats(beside.calls, now_ms=self._now_ms()))
        self._radar.look_at_rates(changes, now_ms=self._now_ms())
        # What is being read is not unreadable.
        self._tally.add_problems(each.kind.value for each in problems if each.kind is not ProblemKind.BUSY)
        # A first look begins the series of sessions at its end: here each would cost a walk over all messages.
        if changes and self._ledger.messages.indexed:
            self._add_by_session(changes)

    def add_turns(self, turns: Sequence[EndedTurn]) -> None:
        """Add turns that ended without a message."""
        self._tally.add_turns(turns)

    def add_lines(self, lines: Sequence[GainedLines]) -> None:
        """Add lines of code."""
        self._tally.add_lines(lines)

    def _raise(self, increases: Increases, now_ns: int) -> int:
        """Return how many increases went into an overflow series."""
        if not increases:
            return 0
        new = NewSeries(now_ns - self._rules.lead_ns, history=not self._ledger.swept_ms)
        limit = SeriesLimit(self._rules.max_series, OVERFLOW)
        return self._ledger.totals.raise_by(increases, now_ns=now_ns, new=new, limit=limit)

    def _raise_by_session(self, increases: Increases, now_ns: int) -> int:
        """Return how many increases went into an overflow series."""
        if not increases:
            return 0
        active_since_ns = now_ns - self._rules.session_window_ms * _NS_PER_MS
        return self._ledger.totals.raise_by(
            increases,
            now_ns=now_ns,
            new=NewSeries(now_ns - self._rules.lead_ns, windowed=True, history=not self._ledger.swept_ms),
            limit=SeriesLimit(self._rules.max_series, OVERFLOW, active_since_ns),
        )

    def _note_overflow(self, folded: int) -> None:
        self.overflowed += folded
        if folded and not self._said_overflow:
            self._said_overflow = True
            log.warning(
                "max_series is reached: what belongs to more than %d series of a metric is added up in one with "
                "otel.metric.overflow=true. The totals stay true; raise max_series to tell them apart",
                self._rules.max_series,
            )

    def begin_session_series(self, stopping: Callable[[], bool]) -> None:
        """Begin the series of the sessions that the first look found, if they were active within the window."""
        messages, sessions = self._ledger.messages, self._ledger.sessions
        messages.make_indexes()
        active = messages.active_sessions(since_ms=self._now_ms() - self._rules.session_window_ms)
        for session_id in sorted(active - sessions.tracked(list(active))):
            if stopping():
                return
            with self.transaction():
                self._begin(session_id)

    def _add_by_session(self, changes: list[Change]) -> None:
        """Add the changes of sessions that were active within the window. A session without a series brings all it ever
        used, so that its series shows the session's total from the start."""
        since_ms = self._now_ms() - self._rules.session_window_ms
        tracked = self._ledger.sessions.tracked([change.message.session_id for change in changes])
        self._of_sessions.add_sessions(change for change in changes if change.message.session_id in tracked)
        active = {change.message.session_id for change in changes if change.message.ended_ms >= since_ms}
        for session_id in sorted(active - tracked):
            self._begin(session_id)

    def _begin(self, session_id: str) -> None:
        """Add all that a session ever used here, and note that it has series from now on."""
        self._of_sessions.add_sessions(self._ledger.messages.history_of(session_id, after=self._ledger.epoch_message))
        self._ledger.sessions.track(session_id)

    def _now_ms(self) -> int:
        return self._now_ns() // _NS_PER_MS
