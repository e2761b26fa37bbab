"""When to look and when to deliver.

A hint wakes the loop at once. Without any it looks every ``rescan_interval_seconds`` at what tells cheaply whether it
changed, less often at the folders of a tree that is watched, and now and then at everything.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from otel_agent.agent import assemble
from otel_agent.agent.state_log import StateLog
from otel_agent.agent.watch import Hints, Watch
from otel_agent.errors import LedgerDamaged, LedgerError
from otel_agent.intake.ingest import Pass

log = logging.getLogger(__name__)

_RETRY_FIRST_SECONDS: Final = 5.0
_RETRY_MOST_SECONDS: Final = 60.0
"""Pauses between tries while the backend takes nothing: doubled each time, up to this."""
_GATHER_SECONDS: Final = 0.2
"""Between a hint and the look: OpenCode writes a message in several steps, and while it works several times a second."""
_EAGER_SECONDS: Final = 0.25
_EAGER_FOR_SECONDS: Final = 10.0
"""How soon and how long to look again after something changed: what was written before a new folder was watched is
found so."""
_WATCHED_SECONDS: Final = 30.0
"""Between two looks at all folders of trees that are watched."""
_LEARN_SECONDS: Final = 15.0
"""Between two looks at where running OpenCode processes keep their data."""


class Loop:
    """Read, deliver, wait; and once more when asked to stop, for as long as there is time."""

    def __init__(
        self,
        agent: assemble.Agent,
        *,
        on_progress: Callable[[Pass], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_progress`` is told how far the first pass is; ``now`` is in seconds."""
        self._agent, self._on_progress, self._now = agent, on_progress, now
        self._settings = agent.settings
        self._notice = StateLog(agent.settings, now)
        self._woken = threading.Event()
        self._watch = Watch(self._woken)
        self._gave_up = threading.Event()
        self._hints = Hints()
        self._next_sweep = self._next_full = self._next_learn = self._next_totals = self._next_spans = 0.0
        self._eager_until = 0.0
        self._pause = _RETRY_FIRST_SECONDS
        self._said_where = self._last = False

    def run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                self._step(stop)
                self._wait(stop)
            self._next_totals = self._next_spans = 0.0
            self._last = True
            self._step(self._gave_up)
        finally:
            self._watch.close()
        log.info("stopped; %d spans owed", self._agent.dispatch.pending)

    def wake(self) -> None:
        self._woken.set()

    def give_up(self) -> None:
        """What is not done is done at the next start."""
        self._gave_up.set()
        self._agent.dispatch.close()

    def _wait(self, stop: threading.Event) -> None:
        """Until there is a hint or it is time to look; and a little, for what comes together."""
        now = self._now()
        pause = self._settings.rescan_interval_seconds
        if now < self._eager_until:
            pause = min(pause, _EAGER_SECONDS)
        self._woken.wait(max(min(pause, self._next_totals - now), 0.0))
        stop.wait(min(_GATHER_SECONDS, pause))
        self._woken.clear()
        self._hints = self._watch.take()
        if self._hints:
            self._eager_until = self._now() + _EAGER_FOR_SECONDS

    def _step(self, until: threading.Event) -> None:
        """Read and deliver, each whether or not the other can. A ledger that cannot be written (a full disk) is tried
        again; a damaged one ends the run, because only a start can set it aside."""
        trouble: LedgerError | None = None
        for stage in (self._read, self._deliver):
            try:
                stage(until)
            except LedgerDamaged:
                raise
            except LedgerError as error:
                trouble = error
        self._notice.of_ledger(trouble)

    def _read(self, until: threading.Event) -> None:
        now, ingest = self._now(), self._agent.ingest
        if now >= self._next_learn:
            self._next_learn = now + _LEARN_SECONDS
            self._agent.learn()
        sweep = now >= self._next_sweep
        read = ingest.run(
            sweep=sweep,
            changed_paths=None if sweep else self._where(now),
            stopping=until.is_set,
            on_progress=None if self._said_where else self._on_progress,
        )
        if self._watch.set_folders(self._agent.watched_folders()):
            self._next_full = 0.0
            self._woken.set()
        if sweep:
            self._next_sweep = now + self._settings.sweep_interval_seconds
        if read.messages:
            self._eager_until = self._now() + _EAGER_FOR_SECONDS
        if not self._said_where:
            assemble.say_where(self._agent, read)
            self._said_where = True
        else:
            self._notice.of_counted(read.messages)

    def _where(self, now: float) -> frozenset[str] | None:
        """The folders to look at, ``None`` for all."""
        if self._hints.paths is None or now >= self._next_full or self._watch.blind:
            self._next_full = now + _WATCHED_SECONDS
            return None
        return self._hints.paths

    def _deliver(self, until: threading.Event) -> None:
        """Spans as soon as they are owed, totals at their interval."""
        now, dispatch = self._now(), self._agent.dispatch
        if now >= self._next_totals:
            self._next_totals = now + self._settings.metric_export_interval_seconds
            self._notice.of_delivery("metrics", dispatch.send_totals(last=self._last), lambda: dispatch.pending)
        if now >= self._next_spans:
            self._next_spans = now + self._pause
            sent = dispatch.send_spans(until.is_set)
            self._notice.of_delivery("traces", sent, lambda: dispatch.pending)
            self._pause = min(self._pause * 2, _RETRY_MOST_SECONDS) if sent.reason else _RETRY_FIRST_SECONDS
            if not sent.reason:
                self._next_spans = 0.0
