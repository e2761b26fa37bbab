"""The exports of both signals: when each begins, where it goes, and what the log says of it."""

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from otel_agent.agent import assemble
from otel_agent.agent.backend import address_of
from otel_agent.agent.pacing import AskedPauses, Backoff
from otel_agent.agent.sender import Sender, ThreadSender
from otel_agent.agent.signal_export import SignalExport
from otel_agent.agent.state_log import StateLog
from otel_agent.semconv import Signal

MakeSender = Callable[[Callable[[Any], Any], Callable[[], None], str], Sender[Any]]
"""Makes a sender from what sends a request, what wakes the loop, and a name."""
Step = Callable[[], bool]
"""Makes a stage, and returns True if it came to its end."""
_NAMES: Final[dict[Signal, str]] = {"metrics": "send metrics", "traces": "send traces"}


class Exports:
    """Belongs to the thread that owns the ledger, and never waits for a backend."""

    def __init__(
        self,
        agent: assemble.Agent,
        log: StateLog,
        *,
        wake: Callable[[], None],
        asked: AskedPauses,
        make_sender: MakeSender = ThreadSender,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``wake`` is called from any thread when there is a result to pass on.

        ``asked`` remembers across reloads what backends ask for. ``chance`` shortens pauses, from 0 to 1.
        """
        self._log = log
        settings = agent.settings

        def made(signal: Signal, begin: Any, send: Any, interval_seconds: float | None) -> SignalExport[Any]:
            return SignalExport(
                signal,
                begin,
                make_sender(send, wake, _NAMES[signal]),
                interval_seconds=interval_seconds,
                backend=address_of(settings, signal),
                asked=asked,
                backoff=Backoff(chance),
            )

        metrics, spans = agent.metrics, agent.spans
        self._metrics = made(
            "metrics",
            lambda last: metrics.export(last=last),
            metrics.request,
            settings.metric_export_interval_seconds,
        )
        self._spans = made("traces", lambda _: spans.export(), spans.request, None)

    @property
    def is_under_way(self) -> bool:
        """True if a request of either signal is under way."""
        return any(each.is_under_way for each in self._both)

    def next_at(self, *, last: bool = False) -> float:
        """Return when the next export is due; ``last`` waits for none. Seconds on the loop's clock."""
        return min(each.next_at(last=last) for each in self._both)

    def want_spans(self) -> None:
        """Export spans if there are any: a pass may have brought new ones."""
        self._spans.want()

    def steps(self, now: float, *, last: bool = False) -> Iterator[Step]:
        """Yield a step for each signal, metrics first. Each may raise ``LedgerError``, and is worth a try if the other did."""
        for each in self._both:
            yield partial(self._step, each, now, last=last)

    def is_finished(self, now: float) -> bool:
        """True if the last exports are over."""
        return all(each.is_finished(now) for each in self._both)

    def abandon(self) -> None:
        """Leave what is under way to itself, and begin nothing any more."""
        for each in self._both:
            each.abandon()

    @property
    def _both(self) -> tuple[SignalExport[Any], SignalExport[Any]]:
        return self._metrics, self._spans

    def _step(self, export: SignalExport[Any], now: float, *, last: bool) -> bool:
        failed_before = export.is_failing
        summary = export.step(now, last=last)
        if summary is None:
            return False
        self._log.log_delivery(export.signal, summary)
        if failed_before and summary.accepted and not summary.broken_off:
            # What one signal finds out holds for the other one too: else that would wait for the end of its pause.
            for other in self._both:
                if other.backend == export.backend:
                    other.end_pause()
        return True
