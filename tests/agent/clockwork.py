"""The agent's own loop with a clock of ours and a backend in memory: hours take no time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.agent import assemble
from otel_agent.agent.exports import MakeSender
from otel_agent.agent.loop import Loop
from otel_agent.agent.pacing import AskedPauses
from otel_agent.export.generator import Data
from otel_agent.model import SendResult
from otel_agent.settings import Settings
from tests.support.otlp_receiver.rows import point_rows

ACCEPTED = SendResult(accepted=True)
AWAY = SendResult(accepted=False, reason="nothing answers there")
WALL_NS = time.time_ns() + 1_800_000_000_000
"""The time of day when a clock begins. Unix nanoseconds. Files have the times of the real clock, and a file that is
written in this very moment is left for the next pass. So the clock is half an hour ahead, and a pass never meets a
young file."""


class Clock:
    """A clock that goes on only if a test says so, from zero. The time of day goes with it."""

    def __init__(self) -> None:
        self.now = 0.0

    def wall_ns(self) -> int:
        """Return the time of day. Unix nanoseconds."""
        return WALL_NS + round(self.now * 1e9)


class Backend:
    """Keeps when it was asked, and answers each signal as `answers` says."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.answers = {"metrics": ACCEPTED, "traces": ACCEPTED}
        self.asked: list[tuple[float, str]] = []
        """When a request came, and of what signal. Seconds on the clock."""
        self.values: dict[str, list[tuple[float, float]]] = {}
        """Time and sum over all series of each metric, for each accepted request."""
        self.spans: list[str] = []
        """The names of the accepted spans."""

    def times(self, signal: str) -> list[float]:
        """When requests of this signal came."""
        return [at for at, of in self.asked if of == signal]

    def answer_both(self, result: SendResult) -> None:
        """Answer both signals so from now on."""
        self.answers = dict.fromkeys(self.answers, result)

    def answer(self, signal: str) -> SendResult:
        """Note a request, and return its answer."""
        self.asked.append((self._clock.now, signal))
        return self.answers[signal]


class DirectSender(Generic[Data]):
    """Sends at once, in the thread that asks for it."""

    def __init__(self, send: Callable[[Data], SendResult], wake: Callable[[], None], name: str) -> None:
        """`wake` is called when a result is there; `name` is of no use here."""
        del name
        self._send, self._wake = send, wake
        self._result: SendResult | None = None

    def begin(self, data: Data) -> None:
        """Send the request."""
        self._result = self._send(data)
        self._wake()

    def take(self) -> SendResult | None:
        """Return the result."""
        result, self._result = self._result, None
        return result

    def close(self) -> None:
        """Do nothing: nothing is under way between two calls."""


class _Metrics:
    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend, self._clock = backend, clock

    def send(self, data: MetricsData) -> SendResult:
        result = self._backend.answer("metrics")
        if result.accepted:
            sums: dict[str, float] = {}
            for point in point_rows(encode_metrics(data)):
                sums[point.metric] = sums.get(point.metric, 0) + (point.value or 0)
            for metric, value in sums.items():
                self._backend.values.setdefault(metric, []).append((self._clock.now, value))
        return result

    def close(self) -> None: ...


class _Spans:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        result = self._backend.answer("traces")
        if result.accepted:
            self._backend.spans += [span.name for span in spans]
        return result

    def close(self) -> None: ...


class Clockwork:
    """One loop, step by step."""

    def __init__(self, agent: assemble.Agent, loop: Loop, backend: Backend, clock: Clock) -> None:
        self.agent, self.loop, self.backend, self.clock = agent, loop, backend, clock

    def run_for(self, seconds: float) -> None:
        """Make every step that is due within this time."""
        until = self.clock.now + seconds
        self.step()
        while self.loop.next_at <= until:
            self.clock.now = max(self.clock.now, self.loop.next_at)
            self.step()
        self.clock.now = until

    def step(self) -> None:
        """Make one step, and those that pass on its answers."""
        self.loop.step(threading.Event())
        while self.loop.is_under_way:
            self.loop.step(threading.Event())

    def stop(self) -> None:
        """Let the loop end as a signal does."""
        stop = threading.Event()
        stop.set()
        self.loop.run(stop)


@contextmanager
def clockwork(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    interval_s: float = 60.0,
    clock: Clock | None = None,
    asked: AskedPauses | None = None,
    chance: Callable[[], float] = lambda: 0.0,
    make_sender: MakeSender = DirectSender,
    **more: Any,
) -> Iterator[Clockwork]:
    """Yield a loop that reads `folder`/opencode and keeps its ledger in `folder`/state. Nothing runs by itself.

    `more` holds further settings.
    """
    clock = clock or Clock()
    backend = Backend(clock)
    monkeypatch.setattr(assemble, "exporters", lambda _: (_Spans(backend), _Metrics(backend, clock)))
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "nowhere"))
    settings = Settings(
        state_dir=folder / "state",
        data_dirs=(folder / "opencode",),
        discover_stores=False,
        process_metrics=False,
        metric_export_interval_seconds=interval_s,
        # A long day is made of few steps.
        rescan_interval_seconds=max(2.0, interval_s / 20),
        **more,
    )
    with assemble.assembled(settings, now_ns=clock.wall_ns) as agent:
        loop = Loop(agent, now=lambda: clock.now, asked=asked, chance=chance, make_sender=make_sender)
        try:
            yield Clockwork(agent, loop, backend, clock)
        finally:
            loop.close()
