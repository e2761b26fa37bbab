"""The agent that stays: read, deliver, wait, until a signal comes."""

import logging
import threading
import time
from typing import Final

from otel_agent import service
from otel_agent.errors import LedgerDamaged, LedgerError
from otel_agent.lifecycle import end_now, run_until_stopped
from otel_agent.pipeline.dispatch import Sent
from otel_agent.settings import Settings, Signal

log = logging.getLogger(__name__)

_RETRY_FIRST_SECONDS: Final = 5.0
_RETRY_MOST_SECONDS: Final = 60.0
"""Pauses between tries while the backend takes nothing: doubled each time, up to this."""


def stay(settings: Settings) -> None:
    """Run until a signal comes. Does not return where the work could not be finished within the deadline."""
    with service.assembled(settings) as agent:
        loop = Loop(agent)
        deadline = settings.shutdown_timeout_seconds
        if not run_until_stopped(loop.run, give_up=loop.give_up, deadline_seconds=deadline):
            log.warning("did not finish within shutdown_timeout_seconds; what is owed is kept for the next start")
            end_now()


class Loop:
    """Read, deliver, wait; and once more when asked to stop, for as long as there is time."""

    def __init__(self, agent: service.Agent) -> None:
        self._agent = agent
        self._notice = _Notice(agent.settings)
        self._gave_up = threading.Event()
        self._next_sweep = self._next_totals = self._next_spans = 0.0
        self._pause = _RETRY_FIRST_SECONDS
        self._said_where = False

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._step(stop)
            stop.wait(self._agent.settings.rescan_interval_seconds)
        self._next_totals = self._next_spans = 0.0
        self._step(self._gave_up)
        log.info("stopped; %d spans owed", self._agent.dispatch.owed)

    def give_up(self) -> None:
        """Break off what is under way, from another thread. What is not done is done at the next start."""
        self._gave_up.set()
        self._agent.dispatch.close()

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
        now = time.monotonic()
        sweep = now >= self._next_sweep
        read = self._agent.ingest.run(sweep=sweep, stopping=until.is_set)
        if sweep:
            self._next_sweep = now + self._agent.settings.sweep_interval_seconds
        if not self._said_where:
            service.say_where(self._agent, read)
            self._said_where = True
        elif read.messages:
            log.info("counted %d new messages", read.messages)

    def _deliver(self, until: threading.Event) -> None:
        """Spans as soon as they are owed, totals at their interval."""
        now, dispatch = time.monotonic(), self._agent.dispatch
        if now >= self._next_totals:
            self._next_totals = now + self._agent.settings.metric_export_interval_seconds
            self._notice.of("metrics", dispatch.send_totals(), dispatch.owed)
        if now >= self._next_spans:
            self._next_spans = now + self._pause
            sent = dispatch.send_spans(until.is_set)
            self._notice.of("traces", sent, dispatch.owed)
            self._pause = min(self._pause * 2, _RETRY_MOST_SECONDS) if sent.reason else _RETRY_FIRST_SECONDS
            if not sent.reason:
                self._next_spans = 0.0


class _Notice:
    """Says when something begins to fail, and when it works again: each once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._failing: set[Signal] = set()
        self._ledger_fails = False

    def of(self, signal: Signal, sent: Sent, owed: int) -> None:
        if sent.reason:
            if not self._failing:
                log.warning("%s", service.not_taken(self._settings, signal, sent.reason, owed))
            self._failing.add(signal)
        elif sent.taken and signal in self._failing:
            self._failing.remove(signal)
            if not self._failing:
                log.info("the backend takes what is sent again; %d spans owed", owed)

    def of_ledger(self, trouble: LedgerError | None) -> None:
        if trouble is not None and not self._ledger_fails:
            log.error("%s; nothing is lost, it is tried again", trouble)
        if trouble is None and self._ledger_fails:
            log.info("the ledger can be written again")
        self._ledger_fails = trouble is not None
