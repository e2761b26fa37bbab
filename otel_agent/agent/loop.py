"""Decides when to read the stores and when to export.

A hint wakes the loop at once. It also polls: every ``rescan_interval_seconds`` the sources whose change mark is cheap to
read, less often the folders of a watched tree. Every ``sweep_interval_seconds`` it reads everything.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec import Struct, field

from otel_agent.agent import assemble
from otel_agent.agent.state_log import StateLog, log_first_pass
from otel_agent.delivery import retry
from otel_agent.errors import LedgerDamaged, LedgerError
from otel_agent.intake.ingest import Pass
from otel_agent.intake.watch import Hints, Watch
from otel_agent.model.plural import counted

log = logging.getLogger(__name__)

_GATHER_SECONDS: Final = 0.2
"""Pause between a hint and the pass: OpenCode writes a message in several steps, and several times a second while it
works."""
_EAGER_SECONDS: Final = 0.25
_EAGER_FOR_SECONDS: Final = 10.0
"""Pause between two passes, and for how long, after a change: the first files in a new folder appear before the watch on
it exists."""
_WATCHED_SECONDS: Final = 30.0
"""Time between two passes over all folders of watched trees."""
_LEARN_SECONDS: Final = 15.0
"""Time between two looks at where running OpenCode processes keep their data."""


class Timer(Struct):
    """Says when something that repeats is due. A new one is due at once. Seconds on the loop's clock."""

    next: float = 0.0

    def is_due(self, now: float) -> bool:
        """True from the set time on."""
        return now >= self.next

    def restart(self, now: float, seconds: float) -> None:
        """Make it due ``seconds`` after ``now``."""
        self.next = now + seconds

    def make_due(self) -> None:
        """Make it due at once."""
        self.next = 0.0


class Schedule(Struct):
    """When each thing that the loop does is due next."""

    learn: Timer = field(default_factory=Timer)
    """Ask running OpenCode processes where they keep their data."""
    all_folders: Timer = field(default_factory=Timer)
    """Read all folders of watched trees, and not only those that were hinted at."""
    sweep: Timer = field(default_factory=Timer)
    """Read everything, whatever the change marks say."""
    totals: Timer = field(default_factory=Timer)
    """Export the totals."""
    spans: Timer = field(default_factory=Timer)
    """Export the pending spans."""


class Loop:
    """Reads, exports and waits, until it is asked to stop; then once more, as long as there is time."""

    def __init__(
        self,
        agent: assemble.Agent,
        *,
        on_progress: Callable[[Pass], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_progress`` is called with the state of the first pass; ``now`` is in seconds."""
        self._agent, self._on_progress, self._now = agent, on_progress, now
        self._settings = agent.settings
        self._log = StateLog(agent.settings, now)
        self._woken, self._gave_up = threading.Event(), threading.Event()
        self._watch = Watch(self._woken)
        self._due = Schedule()
        self._eager_until = 0.0
        self._retry_pause = retry.FIRST_PAUSE_SECONDS
        self._first_pass_done = False

    def run(self, stop: threading.Event) -> None:
        """Go on until ``stop`` is set, then read and export a last time. Raises ``LedgerDamaged``."""
        hints = Hints()
        try:
            while not stop.is_set():
                self._step(hints, stop)
                hints = self._wait(stop)
            # What is left now would wait for the next start, perhaps for days: export it whatever the intervals say.
            self._due.totals.make_due()
            self._due.spans.make_due()
            self._step(hints, self._gave_up, last=True)
        finally:
            self._watch.close()
        log.info("stopped; %s pending", counted(self._agent.spans.pending, "span"))

    def wake(self) -> None:
        """End the current wait. May be called from any thread."""
        self._woken.set()

    def give_up(self) -> None:
        """Break off what is under way; the next start does the rest. May be called from any thread."""
        self._gave_up.set()
        self._agent.close_exports()

    def _wait(self, stop: threading.Event) -> Hints:
        """Wait for a hint or until something is due; then a little longer, for the changes that come together."""
        now = self._now()
        pause = self._settings.rescan_interval_seconds
        # Soon after a change more changes are likely, and the watch may have missed the first of them.
        if now < self._eager_until:
            pause = min(pause, _EAGER_SECONDS)
        self._woken.wait(max(min(pause, self._due.totals.next - now), 0.0))
        stop.wait(min(_GATHER_SECONDS, pause))
        # Cleared first: a hint that comes in between may wake the next wait for nothing, but is never lost.
        self._woken.clear()
        hints = self._watch.take()
        if hints:
            self._eager_until = self._now() + _EAGER_FOR_SECONDS
        return hints

    def _step(self, hints: Hints, until: threading.Event, *, last: bool = False) -> None:
        """Read and export, each even if the other fails.

        A ledger that cannot be written (a full disk) is tried again by the next step. A damaged one ends the run,
        because only a start can move it aside.
        """
        failure: LedgerError | None = None
        for stage in (partial(self._read, hints, until), partial(self._deliver, until, last=last)):
            # A full disk keeps the read stage from counting, but the totals can still be exported, and the other way round.
            try:
                stage()
            except LedgerDamaged:
                raise
            except LedgerError as error:
                failure = error
        self._log.log_ledger(failure)

    def _read(self, hints: Hints, until: threading.Event) -> None:
        """Make one pass over the stores, then watch what it found."""
        now, ingest = self._now(), self._agent.ingest
        # Before the pass, so that the store of an OpenCode that just started is read by this one.
        if self._due.learn.is_due(now):
            self._due.learn.restart(now, _LEARN_SECONDS)
            self._agent.learn()
        sweep = self._due.sweep.is_due(now)
        read = ingest.run(
            sweep=sweep,
            changed_paths=None if sweep else self._paths_to_read(hints, now),
            stopping=until.is_set,
            on_progress=None if self._first_pass_done else self._on_progress,
        )
        if self._watch.set_folders(self._agent.watched_folders()):
            # What was written before the new watch existed sent no hint: look at all folders once more, now.
            self._due.all_folders.make_due()
            self._woken.set()
        # Only now: a sweep that was broken off by an error is made again by the next step.
        if sweep:
            self._due.sweep.restart(now, self._settings.sweep_interval_seconds)
        if read.messages:
            self._eager_until = self._now() + _EAGER_FOR_SECONDS
        if self._first_pass_done:
            self._log.log_counted(read.messages)
        else:
            log_first_pass(read, ingest.stores, self._agent.known())
            self._first_pass_done = True

    def _paths_to_read(self, hints: Hints, now: float) -> frozenset[str] | None:
        """Return the paths that changed, or ``None`` if all folders have to be looked at."""
        # A blind watch would never hint at the files of its tree.
        if hints.paths is None or self._due.all_folders.is_due(now) or self._watch.blind:
            self._due.all_folders.restart(now, _WATCHED_SECONDS)
            return None
        return hints.paths

    def _deliver(self, until: threading.Event, *, last: bool) -> None:
        """Export the totals at their interval, and spans as soon as there are any.

        Totals go first: the spans of a long history can take minutes, and the totals' interval is to be kept.
        """
        now, spans = self._now(), self._agent.spans
        if self._due.totals.is_due(now):
            self._due.totals.restart(now, self._settings.metric_export_interval_seconds)
            self._log.log_delivery("metrics", self._agent.metrics.send(last=last), lambda: spans.pending)
        # The pause begins before the request: a request that raises an error is not repeated at once either.
        if self._due.spans.is_due(now):
            self._due.spans.restart(now, self._retry_pause)
            sent = spans.send(until.is_set)
            self._log.log_delivery("traces", sent, lambda: spans.pending)
            if sent.reason:
                self._retry_pause = retry.next_pause_seconds(self._retry_pause)
            else:
                # Only a backend that accepts nothing is given a pause: else the next span goes out with the next step.
                self._retry_pause = retry.FIRST_PAUSE_SECONDS
                self._due.spans.make_due()
