"""Collects what is observed at this moment: running OpenCode processes, and how the agent itself is doing."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from otel_agent import semconv
from otel_agent.export.outcomes import Outcomes
from otel_agent.intake.ingest import Ingest
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Observation, ProcessSample
from otel_agent.opencode.worktrees import worktree_of
from otel_agent.otlp.times import healed_start
from otel_agent.series import gauges

_NS: Final = 1_000_000_000


class Observations:
    """Collects everything that is published but not kept in the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        ingest: Ingest,
        outcomes: Outcomes,
        processes: Callable[[], list[tuple[ProcessSample, float]]] | None,
        *,
        budgets: Callable[[], Iterable[Observation]] = tuple,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """``processes`` returns a sample of each running OpenCode process, with its CPU use in cores; ``None`` if nobody asked for it.

        ``budgets`` observes the budgets of the settings. ``now_ns`` is the wall clock.
        """
        self._ledger, self._ingest, self._outcomes, self._processes = ledger, ingest, outcomes, processes
        self._budgets, self._now_ns = budgets, now_ns
        self._since_ns = now_ns()

    def collect(self) -> list[Observation]:
        """Return one observation for each point to publish, from one snapshot of the processes."""
        self._since_ns = healed_start(self._since_ns, self._now_ns())
        return [
            *self._processes_now(),
            *self._agent_now(),
            *gauges.series_counts(self._ledger.totals.counts()),
            *self._outcomes.observations(),
            *self._budgets(),
        ]

    def _processes_now(self) -> Iterable[Observation]:
        if self._processes is None:
            return ()
        repository_of = self._ledger.sessions.repository_of
        found = [(sample, cores, worktree_of(sample.directory, repository_of)) for sample, cores in self._processes()]
        return gauges.process_observations(found, self._now_ns() / _NS)

    def _agent_now(self) -> list[Observation]:
        newest_ms = self._ledger.messages.newest_ms()
        age_s = None if newest_ms is None else max(self._now_ns() / _NS - newest_ms / 1e3, 0.0)
        values: list[tuple[semconv.Metric, int | float | None]] = [
            (semconv.OUTBOX_SIZE, len(self._ledger.outbox)),
            (semconv.LEDGER_SIZE, self._ledger.size_bytes()),
            (semconv.NEWEST_MESSAGE_AGE, age_s),
            (semconv.INGEST_LAG, self._ingest.lag_s),
        ]
        overflow = Observation(semconv.SERIES_OVERFLOW_COUNT.name, self._ingest.overflowed, since_ns=self._since_ns)
        return [*(Observation(metric.name, value) for metric, value in values if value is not None), overflow]
