"""Decides when to read the stores and when to export.

A hint wakes the loop at once. It also polls: every ``rescan_interval_seconds`` the sources whose change mark is cheap to
read, less often the folders of a watched tree. Every ``sweep_interval_seconds`` it reads everything. It never waits for a
backend: a request is under way in a thread of its own. Passes go on until its answer wakes the loop.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec import Struct, field

from otel_agent.agent import assemble
from otel_agent.agent.exports import Exports, MakeSender, Step
from otel_agent.agent.pacing import AskedPauses
from otel_agent.agent.sender import ThreadSender
from otel_agent.agent.state_log import StateLog, log_first_pass
from otel_agent.agent.timer import NEVER, Timer
from otel_agent.errors import LedgerDamaged, LedgerError
from otel_agent.intake.ingest import Pass
from otel_agent.intake.readings import SHORT_PATIENCE_SECONDS
from otel_agent.intake.watch import Hints, Watch
from otel_agent.model.plural import counted
from otel_agent.opencode.answering import NoAnswer, answer_of

log = logging.getLogger(__name__)

DID_NOT_FINISH: Final = "did not finish within shutdown_timeout_seconds; pending data is kept for the next start"
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
_SLICE_PAUSE_SECONDS: Final = 0.05
"""Pause between two slices of the tool calls of the history: exports and answers come in between."""
_LEDGER_SECONDS: Final = 5.0
"""Longest time until a pass is made again that could not write the ledger."""


class Schedule(Struct):
    """When each kind of reading is due next."""

    read: Timer = field(default_factory=Timer)
    """Make a pass."""
    learn: Timer = field(default_factory=Timer)
    """Ask running OpenCode processes where they keep their data."""
    all_folders: Timer = field(default_factory=Timer)
    """Read all folders of watched trees, and not only those that were hinted at."""
    sweep: Timer = field(default_factory=Timer)
    """Read everything, whatever the change marks say."""


class _Doorbell(threading.Event):
    """Wakes the loop with the first hint. Those that follow before it is cleared find it awake."""

    def __init__(self, woken: threading.Event) -> None:
        super().__init__()
        self._woken = woken

    def set(self) -> None:
        """Ring. May be called from any thread."""
        was_set = self.is_set()
        super().set()
        if not was_set:
            self._woken.set()


class Loop:
    """Reads, exports and waits, until it is asked to stop; then once more, as long as there is time."""

    def __init__(
        self,
        agent: assemble.Agent,
        *,
        on_progress: Callable[[Pass], None] | None = None,
        on_sweep: Callable[[list[str]], None] = lambda _stores: None,
        asked: AskedPauses | None = None,
        now: Callable[[], float] = time.monotonic,
        make_sender: MakeSender = ThreadSender,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``on_progress`` is called with the state of the first pass, ``on_sweep`` with the stores after each sweep.
        ``now`` is in seconds.

        ``asked``, ``make_sender`` and ``chance`` are those of ``Exports``.
        """
        self._agent, self._on_progress, self._on_sweep, self._now = agent, on_progress, on_sweep, now
        self._settings = agent.settings
        # Exports wait for a pass.
        agent.ingest.readings.seconds = SHORT_PATIENCE_SECONDS
        self._log = StateLog(agent.settings, now, lambda: agent.spans.pending)
        self._woken, self._gave_up = threading.Event(), threading.Event()
        self._doorbell = _Doorbell(self._woken)
        self._watch = Watch(self._doorbell)
        self._exports = Exports(
            agent,
            self._log,
            wake=self._woken.set,
            asked=asked or AskedPauses(),
            make_sender=make_sender,
            chance=chance,
        )
        self._due = Schedule()
        self._eager_until = 0.0
        self._first_pass_done = False
        self._failed: set[str] = set()
        """The stages whose last try could not write the ledger."""
        self.left_unanswered = False
        """True once ``run`` has ended and left a request to itself."""

    def run(self, stop: threading.Event) -> None:
        """Go on until ``stop`` is set, then read and export a last time. Raises ``LedgerDamaged``."""
        try:
            while not stop.is_set():
                self.step(stop)
                self._wait(self.next_at)
            self._finish()
        finally:
            self.left_unanswered = self._exports.is_under_way
            self.close()
        if self.left_unanswered:
            log.warning(DID_NOT_FINISH)
        log.info("stopped; %s pending", counted(self._agent.spans.pending, "span"))

    def close(self) -> None:
        """Leave what is under way to itself, and watch nothing any more."""
        self._exports.abandon()
        self._watch.close()

    def wake(self) -> None:
        """End the current wait. May be called from any thread."""
        self._woken.set()

    def give_up(self) -> None:
        """Break off what is under way; the next start does the rest. May be called from any thread."""
        self._gave_up.set()
        self._woken.set()
        self._agent.close_exports()

    @property
    def is_under_way(self) -> bool:
        """True if a request was begun and its answer was not passed on yet."""
        return self._exports.is_under_way

    @property
    def next_at(self) -> float:
        """When the next step is of use, unless something wakes the loop before. Seconds on the loop's clock."""
        return min(self._due.read.next, self._exports.next_at(), self._agent.budgets.next_at)

    def step(self, until: threading.Event, *, last: bool = False) -> None:
        """Do what is due, and pass on the answers that are there. Each stage is tried even if another one fails.

        A ledger that cannot be written (a full disk) is tried again by a later step. A damaged one ends the run, because
        only a start can move it aside. ``until`` cuts a pass short.
        """
        now = self._now()
        if self._doorbell.is_set():
            # A little later, for the changes that come together. An earlier hint may have set an earlier time.
            self._due.read.bring_forward(now, min(_GATHER_SECONDS, self._settings.rescan_interval_seconds))
        if self._due.read.is_due(now):
            self._try("read", partial(self._read, until, last=last))
            if not until.is_set() and not last:
                self._try("calls of the history", self._read_requested_calls)
        self._try("budgets", partial(self._agent.budgets.check, self._now()))
        for number, export in enumerate(self._exports.steps(self._now(), last=last)):
            self._try(f"export {number}", export)

    def _wait(self, until: float) -> None:
        """Wait until then, or until a hint, an answer or a signal wakes the loop."""
        self._woken.wait(min(max(until - self._now(), 0.0), threading.TIMEOUT_MAX))
        # Cleared before anything is looked at: what comes in between may wake the next wait for nothing, but is never lost.
        self._woken.clear()

    def _finish(self) -> None:
        """Read and export a last time. What is left now would wait for the next start, perhaps for days."""
        self._due.read.make_due()
        self._exports.want_spans()
        until = NEVER
        while True:
            self.step(self._gave_up, last=True)
            now = self._now()
            if self._gave_up.is_set():
                # What was broken off says so at once. One that does not is left to itself.
                until = min(until, now + self._settings.shutdown_timeout_seconds / 4)
            if now >= until or self._exports.is_finished(now):
                return
            self._due.read.next = NEVER
            self._wait(min(until, self._exports.next_at(last=True)))

    def _try(self, stage: str, step: Step) -> None:
        """Make one stage. The ledger works again once each stage that failed has succeeded, and a row was written."""
        try:
            if step() and stage in self._failed:
                self._failed.remove(stage)
                if not self._failed:
                    self._agent.prove_ledger()
                    self._log.log_ledger_works()
        except LedgerDamaged:
            raise
        except LedgerError as failure:
            self._failed.add(stage)
            self._log.log_ledger_fails(failure)

    def _read(self, until: threading.Event, *, last: bool) -> bool:
        """Make one pass over the stores, then watch what it found."""
        self._doorbell.clear()
        hints = self._watch.take()
        if hints:
            self._eager_until = self._now() + _EAGER_FOR_SECONDS
        try:
            read = self._pass(hints, until, last=last)
        except LedgerError:
            # The hints are used up, and what they led to was not written: the next pass looks at all folders.
            self._due.all_folders.make_due()
            self._plan_read(_LEDGER_SECONDS)
            raise
        self._exports.want_spans()
        if read.messages:
            self._eager_until = self._now() + _EAGER_FOR_SECONDS
        self._plan_read(self._settings.rescan_interval_seconds)
        if self._watch_found():
            # What was written before the new watch existed sent no hint: look at all folders once more, now.
            self._due.all_folders.make_due()
            self._due.read.bring_forward(self._now(), _GATHER_SECONDS)
        return True

    def _read_requested_calls(self) -> bool:
        """Read a slice of the tool calls of the history if a summary asked for them; the next one comes soon."""
        if self._agent.requested_calls.step():
            self._due.read.bring_forward(self._now(), _SLICE_PAUSE_SECONDS)
        return True

    def _watch_found(self) -> bool:
        """Watch what the pass found; return True if a folder is new. A mount that died just now changes nothing."""
        folders = self._agent.watched_folders()
        try:
            return answer_of("watch", lambda: self._watch.set_folders(folders), SHORT_PATIENCE_SECONDS)
        except NoAnswer:
            return False

    def _plan_read(self, at_most: float) -> None:
        """Set the time of the next pass that no hint asks for."""
        now, pause = self._now(), min(at_most, self._settings.rescan_interval_seconds)
        # Soon after a change more changes are likely, and the watch may have missed the first of them.
        if now < self._eager_until:
            pause = min(pause, _EAGER_SECONDS)
        self._due.read.restart(now, pause + min(pause, _GATHER_SECONDS))

    def _pass(self, hints: Hints, until: threading.Event, *, last: bool) -> Pass:
        now, ingest = self._now(), self._agent.ingest
        # Before the pass, so that the store of an OpenCode that just started is read by this one.
        if self._due.learn.is_due(now):
            self._due.learn.restart(now, _LEARN_SECONDS)
            self._agent.learn()
        sweep = self._due.sweep.is_due(now)
        read = ingest.run(
            sweep=sweep,
            changed_paths=None if sweep else self._paths_to_read(hints, now),
            is_last=last,
            stopping=until.is_set,
            on_progress=None if self._first_pass_done else self._on_progress,
        )
        # Only now: a sweep that was broken off by an error is made again by the next step.
        if sweep:
            self._due.sweep.restart(now, self._settings.sweep_interval_seconds)
            self._on_sweep([store.name for store in ingest.stores])
        if self._first_pass_done:
            self._log.log_counted(read.messages)
        else:
            log_first_pass(read, ingest.stores, self._agent.known())
            self._first_pass_done = True
        return read

    def _paths_to_read(self, hints: Hints, now: float) -> frozenset[str] | None:
        """Return the paths that changed, or ``None`` if all folders have to be looked at."""
        # A blind watch would never hint at the files of its tree.
        if hints.paths is None or self._due.all_folders.is_due(now) or self._watch.blind:
            self._due.all_folders.restart(now, _WATCHED_SECONDS)
            return None
        return hints.paths
