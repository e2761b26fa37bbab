"""What is seen at each collection: the OpenCode processes of this machine, and how the agent itself is doing."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from otel_agent import semconv
from otel_agent.intake.ingest import Ingest
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Observation, ProcessSample
from otel_agent.opencode.worktrees import worktree_of
from otel_agent.series import gauges

_NS: Final = 1_000_000_000


class Observe:
    """One snapshot of the processes for each collection."""

    def __init__(
        self,
        ledger: Ledger,
        ingest: Ingest,
        processes: Callable[[], list[tuple[ProcessSample, float]]] | None,
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._ledger, self._ingest, self._processes, self._now_ns = ledger, ingest, processes, now_ns
        self._since_ns = now_ns()

    def __call__(self) -> list[Observation]:
        return [*self._of_processes(), *self._of_itself(), *gauges.of_series(self._ledger.totals.counts())]

    def _of_processes(self) -> Iterable[Observation]:
        if self._processes is None:
            return ()
        found = [(sample, cores, worktree_of(sample.directory)) for sample, cores in self._processes()]
        return gauges.of_processes(found, self._now_ns() / _NS)

    def _of_itself(self) -> list[Observation]:
        newest_ms = self._ledger.messages.newest_ms()
        told: list[tuple[semconv.Metric, int | float | None]] = [
            (semconv.OUTBOX_SIZE, len(self._ledger.outbox)),
            (semconv.LEDGER_SIZE, self._ledger.size_bytes()),
            (
                semconv.NEWEST_MESSAGE_AGE,
                None if newest_ms is None else max(self._now_ns() / _NS - newest_ms / 1e3, 0.0),
            ),
            (semconv.INGEST_LAG, self._ingest.lag_s),
        ]
        overflow = Observation(semconv.SERIES_OVERFLOW_COUNT.name, self._ingest.overflowed, since_ns=self._since_ns)
        return [*(Observation(metric.name, value) for metric, value in told if value is not None), overflow]
