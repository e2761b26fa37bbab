"""The agent under test: its real parts and its real loop, put together by its own code, stepped by the simulated clock.

This module alone knows how the agent is driven. In place of the threads that send, answers come some steps after their
requests. In place of the kernel's hints there are none: the loop looks by itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from otel_agent.agent import assemble
from otel_agent.agent import loop as agent_loop
from otel_agent.intake.watch import Hints
from otel_agent.model import SendResult
from otel_agent.settings import Settings
from tests.simulator.backend import Backend
from tests.simulator.clock import Clock
from tests.simulator.faults import Faults
from tests.simulator.wire import Deliveries

INTERVAL_S = 60
_MOST_STEPS = 8_000
"""Steps at one time. A loop that finds more to do does not end."""


class Running:
    """One process of the agent."""

    def __init__(self, state: Path, data: Path, backend: Backend, clock: Clock, faults: Faults) -> None:
        """Start. Raises ``LedgerError`` if the ledger cannot be used."""
        self._backend, self._clock, self._faults = backend, clock, faults
        settings = Settings(
            state_dir=state,
            data_dirs=(data,),
            discover_stores=False,
            process_metrics=False,
            metric_export_interval_seconds=INTERVAL_S,
            genai_semconv="latest",
        )
        backend.restarted()
        self._senders: list[_Sender] = []
        self._context: AbstractContextManager[assemble.Agent] = assemble.assembled(settings, now_ns=clock)
        with _exporting_to(Deliveries(backend)):
            agent = self._context.__enter__()
        with replaced(agent_loop, "Watch", _NoWatch):
            self._loop = agent_loop.Loop(
                agent, now=lambda: clock.now_ms / 1_000, make_sender=self._sender, chance=lambda: 0.5
            )

    def work(self) -> None:
        """Do everything that is due now. Raises ``LedgerDamaged``, which ends the process."""
        never = threading.Event()
        for _ in range(_MOST_STEPS):
            self._noting(lambda: self._loop.step(never))
            if not any(each.is_busy for each in self._senders) and self._loop.next_at > self._clock.now_ms / 1_000:
                return
            self._clock.tick(50)
        raise RuntimeError("the loop does not come to rest")

    def stop(self) -> None:
        """End in order, as after SIGTERM: read and export a last time."""
        asked = threading.Event()
        asked.set()
        self._noting(lambda: self._loop.run(asked))
        self.close()

    def close(self) -> None:
        """Close what is open."""
        self._context.__exit__(None, None, None)

    def _noting(self, step: Callable[[], None]) -> None:
        """Do a step, and tell the backend if the agent has noted the answers that it got."""
        hits = len(self._faults.hits)
        step()
        if len(self._faults.hits) > hits:
            self._backend.unsettle()
        elif not any(each.is_busy for each in self._senders):
            self._backend.settle()

    def _sender(self, send: Callable[[Any], SendResult], wake: Callable[[], None], _: str) -> _Sender:
        self._senders.append(_Sender(send, wake, lambda: self._backend.slow))
        return self._senders[-1]


class _Sender:
    """Sends at once. The answer is there after some steps of the loop, which goes on counting meanwhile."""

    def __init__(self, send: Callable[[Any], SendResult], wake: Callable[[], None], slow: Callable[[], int]) -> None:
        self._send, self._wake, self._slow = send, wake, slow
        self._result: SendResult | None = None
        self._steps = 0

    @property
    def is_busy(self) -> bool:
        return self._result is not None

    def begin(self, data: Any) -> None:
        self._result, self._steps = self._send(data), self._slow()
        self._wake()

    def take(self) -> SendResult | None:
        self._wake()
        self._steps -= 1
        if self._steps >= 0:
            return None
        result, self._result = self._result, None
        return result

    def close(self) -> None:
        self._result = None


class _NoWatch:
    """A watch that accepts every folder and never hints at anything."""

    blind = False

    def __init__(self, wake: threading.Event) -> None:
        del wake

    def set_folders(self, folders: Iterable[object]) -> bool:
        del folders
        return False

    def take(self) -> Hints:
        return Hints()

    def close(self) -> None: ...


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
