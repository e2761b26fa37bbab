"""Carries out one signal's exports, one after the other, and never waits: a sender has the request under way."""

from collections.abc import Callable
from typing import Final, Generic

from otel_agent.agent.pacing import FIRST_PAUSE_SECONDS, AskedPauses, Backoff
from otel_agent.agent.sender import Sender
from otel_agent.agent.timer import NEVER, Timer
from otel_agent.export.generator import Data, Export
from otel_agent.export.send_summary import SendSummary
from otel_agent.model import SendResult
from otel_agent.semconv import Signal

_ASKED_TO_WAIT: Final = "the backend asked to be left alone"


class SignalExport(Generic[Data]):
    """The exports of one signal. Belongs to the thread that owns the ledger. Times are seconds on the loop's clock."""

    def __init__(
        self,
        signal: Signal,
        begin: Callable[[bool], Export[Data]],
        sender: Sender[Data],
        *,
        interval_seconds: float | None,
        backend: str,
        asked: AskedPauses,
        backoff: Backoff,
    ) -> None:
        """``begin`` begins an export; its argument says that it is the last one.

        ``interval_seconds`` is the time between two exports; ``None`` exports only when ``want`` asks for it. ``backend``
        is where the signal goes: if one signal is asked to wait there, the other one waits too.
        """
        self.signal, self.backend = signal, backend
        self._begin, self._sender, self._interval_seconds = begin, sender, interval_seconds
        self._asked, self._backoff = asked, backoff
        self._export: Export[Data] | None = None
        self._timer, self._pause = Timer(), Timer()
        self._began, self._last_is_over = 0.0, False
        self.is_failing = False
        """True if the last export was broken off."""

    @property
    def is_under_way(self) -> bool:
        """True if a request was begun and its result was not passed on yet."""
        return self._export is not None

    def next_at(self, *, last: bool = False) -> float:
        """Return when the next export is due. While one is under way its sender wakes the loop instead.

        The last one waits for no interval and no pause, but for what the backend asked for.
        """
        if self.is_under_way or self._last_is_over:
            return NEVER
        return (
            self._asked.until(self.backend)
            if last
            else max(self._timer.next, self._pause.next, self._asked.until(self.backend))
        )

    def want(self) -> None:
        """Ask for an export, because there may be something new. A pause holds all the same."""
        self._timer.make_due()

    def end_pause(self) -> None:
        """Try again at once, because the backend is known to work again. What it asked for itself holds all the same."""
        self._pause.make_due()

    def is_finished(self, now: float) -> bool:
        """True if nothing is under way and the last export was made, or the backend asked to wait longer than now."""
        return not self.is_under_way and (self._last_is_over or self._asked.until(self.backend) > now)

    def step(self, now: float, *, last: bool = False) -> SendSummary | None:
        """Pass on the result that is there, or begin an export that is due. Return the summary of one that ended.

        ``last`` begins one last export, whatever intervals and pauses say. Raises ``LedgerError``: the export is then over,
        and what it did not note is sent again.
        """
        if self._export is not None:
            result = self._sender.take()
            return None if result is None else self._go_on(self._export, result, now, last=last)
        if now < self.next_at(last=last):
            return None
        self._began, self._last_is_over = now, last
        self._export = self._begin(last)
        return self._go_on(self._export, None, now, last=last)

    def abandon(self) -> None:
        """Leave what is under way to itself. What it sent stays noted as sent without an answer."""
        if self._export is not None:
            self._export.close()
        self._export = None
        self._sender.close()

    def _go_on(self, export: Export[Data], result: SendResult | None, now: float, *, last: bool) -> SendSummary | None:
        try:
            data = next(export) if result is None else export.send(result)
            # The other signal's answer may have asked for time while this export was under way.
            while (wait_s := self._asked.until(self.backend) - now) > 0:
                data = export.send(SendResult(accepted=False, reason=_ASKED_TO_WAIT, retry_after_s=wait_s))
        except StopIteration as ended:
            self._export = None
            summary: SendSummary = ended.value
            # A backend that just failed at the end is not asked once more: a person waits for that end.
            self._last_is_over |= last and summary.broken_off
            self._plan(summary, now)
            return summary
        except BaseException:
            # Not repeated at once: the ledger's disk is full, for example.
            self._export = None
            self._timer.make_due()
            self._pause.restart(now, FIRST_PAUSE_SECONDS)
            raise
        self._sender.begin(data)
        return None

    def _plan(self, summary: SendSummary, now: float) -> None:
        """Set the time of the next export."""
        self._asked.ask(self.backend, now, summary.retry_after_s)
        self.is_failing = summary.broken_off
        if summary.broken_off:
            # Sooner than the interval if that is long, and later if it is short: all that counts is the backend.
            self._timer.make_due()
            self._pause.restart(now, self._backoff.next_pause())
            return
        self._backoff.reset()
        self._pause.make_due()
        if self._interval_seconds is None:
            self._timer.next = NEVER
        else:
            self._timer.restart(self._began, self._interval_seconds)
