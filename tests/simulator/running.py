"""The agent under test: its real parts, put together by its own code, driven step by step.

This module alone knows how the agent is driven. It does what the agent's loop does, with the simulated clock.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from otel_agent.agent import assemble
from otel_agent.errors import LedgerDamaged, LedgerError
from otel_agent.settings import Settings
from tests.simulator.backend import Backend
from tests.simulator.clock import Clock
from tests.simulator.wire import Deliveries

INTERVAL_S = 60


class Running:
    """One process of the agent. ``LedgerError`` of a step is what its loop tries again; ``failed`` remembers that there was one."""

    def __init__(self, state: Path, data: Path, backend: Backend, clock: Clock) -> None:
        """Start. Raises ``LedgerError`` if the ledger cannot be used."""
        self._backend, self.failed = backend, False
        settings = Settings(
            state_dir=state,
            data_dirs=(data,),
            discover_stores=False,
            process_metrics=False,
            metric_export_interval_seconds=INTERVAL_S,
            genai_semconv="latest",
        )
        self._deliveries = Deliveries(backend)
        self._swept = False
        backend.restarted()
        self._context: AbstractContextManager[assemble.Agent] = assemble.assembled(settings, now_ns=clock)
        with _exporting_to(self._deliveries):
            self._agent = self._context.__enter__()

    def read(self, *, sweep: bool = False) -> None:
        """Make one pass over the stores; the first one looks at everything."""
        sweep = sweep or not self._swept
        self._try(lambda: self._agent.ingest.run(sweep=sweep))
        self._swept = True

    def totals(self, *, last: bool = False) -> None:
        """Export the totals."""
        self._try(lambda: self._agent.metrics.send(last=last))

    def spans(self) -> None:
        """Export the pending spans."""
        if self._try(self._agent.spans.send):
            self._backend.settle()

    def stop(self) -> None:
        """End in order, as after SIGTERM: read and export a last time."""
        self.read()
        self.totals(last=True)
        self.spans()
        self.close()

    def close(self) -> None:
        """Close what is open."""
        self._context.__exit__(None, None, None)

    def _try(self, step: Callable[[], object]) -> bool:
        """Do one step as the loop does it. Raises ``LedgerDamaged``, which ends the process."""
        try:
            step()
        except LedgerDamaged:
            raise
        except LedgerError:
            self.failed = True
            self._backend.unsettle()
            return False
        return True


@contextmanager
def _exporting_to(deliveries: Deliveries) -> Iterator[None]:
    """Put the simulated deliveries in place of those that the settings ask for."""
    simulated = deliveries.spans, deliveries.metrics
    with replaced(assemble, "exporters", lambda _: simulated), replaced(assemble, "doubts", lambda _: []):
        yield


@contextmanager
def replaced(owner: object, name: str, value: object) -> Iterator[None]:
    """Put ``value`` in place of what a module or class has under this name."""
    before = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def environment(home: Path, *, delta: bool) -> Iterator[None]:
    """Let nothing of the real machine reach the agent. ``delta`` asks for increments."""
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(("OTEL_", "OPENCODE", "XDG_")):
            del os.environ[name]
    os.environ |= {"HOME": str(home), "XDG_DATA_HOME": str(home / "none")}
    os.environ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"] = "delta" if delta else "cumulative"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before
