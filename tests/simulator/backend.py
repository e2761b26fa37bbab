"""The simulated backend: what it has, how it answers, and what it noticed."""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.simulator.clock import Clock
from tests.support.otlp_receiver.behaviours import HTML, LOGIN_PAGE, NOT_PROTOBUF, PROTOBUF
from tests.support.otlp_receiver.rows import PointRow, SpanRow, point_rows, span_rows
from tests.support.otlp_receiver.wire import Signal


class Endless(BaseException):
    """The agent does not come to rest. No part of it may take that for the failure of a request."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How one request is answered. See ``wire.Answer`` for the numbers of ``status``."""

    status: int = 200
    body: bytes = b""
    kind: str = PROTOBUF
    retry_after: str = ""
    taken: bool = True
    takes_s: float = 0.0


BEHAVIOURS: dict[str, Reply] = {
    "accept": Reply(),
    "answer lost": Reply(0),
    "request lost": Reply(0, taken=False),
    "nobody listens": Reply(-1, taken=False),
    "hangs": Reply(-2, taken=False, takes_s=10.0),
    "hangs, but has it": Reply(-2, takes_s=10.0),
    "400": Reply(400, taken=False),
    "401": Reply(401, taken=False),
    "413": Reply(413, taken=False),
    "429": Reply(429, retry_after="120", taken=False),
    "500": Reply(500, taken=False),
    "500, but has it": Reply(500),
    "502, but has it": Reply(502),
    "503": Reply(503, retry_after="30", taken=False),
    "504, but has it": Reply(504),
    "garbage": Reply(200, NOT_PROTOBUF, taken=False),
    "garbage, but has it": Reply(200, NOT_PROTOBUF),
    "portal": Reply(200, LOGIN_PAGE, HTML, taken=False),
    "redirect": Reply(302, kind="", taken=False),
    "partial": Reply(),
}
REFUSALS = ("400", "413")
MOST_AT_ONCE = 800
"""Requests that the agent may send before it comes to rest. To isolate what is refused takes some hundreds."""


@dataclass(slots=True)
class Backend:
    """Keeps what it takes, and looks at each arrival whether it may come at all."""

    clock: Clock
    before: Callable[[str], None] = lambda _: None
    """Called before a request arrives and after it was answered: there the agent may be killed."""
    script: dict[Signal, deque[str]] = field(default_factory=lambda: {"traces": deque(), "metrics": deque()})
    always: str = "accept"
    slow: int = 0
    """Steps of the agent's loop until an answer is there."""
    poison: set[str] = field(default_factory=set)
    """Names of models. A request with one of them is refused."""
    refuses_no: tuple[Signal, ...] = ()
    """Signals whose items are never refused for good. An increment that got no answer, and is then refused, is given up."""
    points: list[PointRow] = field(default_factory=list)
    spans: dict[str, list[SpanRow]] = field(default_factory=lambda: defaultdict(list))
    """All arrivals of each span, by its id."""
    dropped: set[str] = field(default_factory=set)
    """Spans that a partial success left out."""
    dropped_points: list[PointRow] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    """Spans whose acceptance the agent knows: they may not come again."""
    rejected: Counter[Signal] = field(default_factory=Counter)
    """Items that partial successes left out, since the agent's last start."""
    unread: Counter[Signal] = field(default_factory=Counter)
    """The same, of answers that the agent may not have looked at yet."""
    at_once: int = 0
    """Requests since the agent began to do what was due."""
    requests: Counter[Signal] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """What may not happen, and happened."""
    exact: bool = True
    """False if the agent may not know what was left out since its last start."""
    _asked: dict[Signal, int] = field(default_factory=dict)
    """Until when the agent was asked to wait, by answers that it may not have looked at yet."""
    _not_before_ms: int = 0
    _unsettled: list[str] = field(default_factory=list)

    def arrive(self, signal: Signal, body: bytes) -> Reply:
        """Take a request, or not, and return how it is answered."""
        self.before(f"request: {signal}")
        self.requests[signal] += 1
        self.at_once += 1
        if self.at_once > MOST_AT_ONCE:
            raise Endless("the agent sends without end")
        rows = self._rows(signal, body)
        name = self._behaviour(signal, rows)
        reply = BEHAVIOURS[name]
        self.clock.tick(3 + round(reply.takes_s * 1_000))
        # Before it sent this request, the agent looked at the answer to the last one.
        self._read(signal)
        if self.clock.now_ms < self._not_before_ms:
            self.wrong.append(
                f"{signal} came {self._not_before_ms - self.clock.now_ms} ms before the time that was asked for"
            )
        if signal == "traces":
            self._settle_spans()
        left_out = rows[:1] if name == "partial" else []
        if reply.taken:
            self._take(rows[len(left_out) :])
        if reply.retry_after:
            self._asked[signal] = self.clock.now_ms + int(reply.retry_after) * 1_000
        if left_out:
            reply = self._partial(signal, left_out)
        if signal == "traces" and reply.taken and name in ("accept", "partial"):
            self._unsettled = [each.span_id for each in rows if isinstance(each, SpanRow) and not _is_turn(each)]
        self.before(f"answer: {signal}")
        return reply

    def settle(self) -> None:
        """The agent has noted what became of its last requests."""
        self._read("traces")
        self._read("metrics")
        self._settle_spans()

    def unsettle(self) -> None:
        """The agent could not note it: it may send the same again, and does not count what was left out."""
        self._unsettled, self.exact = [], False

    def restarted(self) -> None:
        """The agent began again: what it knew only in memory is gone."""
        self._unsettled, self.exact = [], True
        self.rejected.clear()
        self.unread.clear()
        self._asked.clear()
        self._not_before_ms = 0

    def copied(self) -> Backend:
        """Return a backend that has the same, and goes on by itself."""
        copies = {name: copy(getattr(self, name)) for name in ("poison", "points", "dropped", "settled", "rejected")}
        copies |= {name: copy(getattr(self, name)) for name in ("dropped_points", "wrong", "requests", "unread")}
        copies |= {name: copy(getattr(self, name)) for name in ("_asked", "_unsettled")}
        script = {signal: copy(queue) for signal, queue in self.script.items()}
        spans = defaultdict(list, {id_: copy(rows) for id_, rows in self.spans.items()})
        return replace(self, script=script, spans=spans, **copies)

    def heal(self) -> None:
        """Accept everything from now on."""
        self.always, self.slow = "accept", 0
        self.poison.clear()
        for queue in self.script.values():
            queue.clear()

    def _read(self, signal: Signal) -> None:
        self.rejected[signal] += self.unread.pop(signal, 0)
        self._not_before_ms = max(self._not_before_ms, self._asked.pop(signal, 0))

    def _settle_spans(self) -> None:
        self.settled.update(self._unsettled)
        self._unsettled = []

    def _rows(self, signal: Signal, body: bytes) -> list[PointRow] | list[SpanRow]:
        if signal == "traces":
            return list(span_rows(ExportTraceServiceRequest.FromString(body)))
        return list(point_rows(ExportMetricsServiceRequest.FromString(body)))

    def _behaviour(self, signal: Signal, rows: list[PointRow] | list[SpanRow]) -> str:
        queue = self.script[signal]
        name = queue.popleft() if queue else self.always
        models = {str(each.attributes.get("gen_ai.request.model")) for each in rows}
        name = "400" if name == "accept" and models & self.poison else name
        return "503" if name in REFUSALS and signal in self.refuses_no else name

    def _partial(self, signal: Signal, left_out: list[PointRow] | list[SpanRow]) -> Reply:
        """Say that these were left out."""
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = len(left_out)
        response.partial_success.error_message = "one is wrong"
        self.unread[signal] += len(left_out)
        for each in left_out:
            if isinstance(each, SpanRow):
                self.dropped.add(each.span_id)
            else:
                self.dropped_points.append(each)
        return Reply(body=response.SerializeToString())

    def _take(self, rows: list[PointRow] | list[SpanRow]) -> None:
        for row in rows:
            if isinstance(row, PointRow):
                self.points.append(row)
                self._look_at(row)
                continue
            if row.span_id in self.settled:
                self.wrong.append(f"span {row.name} {row.span_id} came again after it was accepted")
            self.spans[row.span_id].append(row)

    def _look_at(self, point: PointRow) -> None:
        """A number of items is never below zero, and the agent says how many items were left out of what it sent."""
        if point.metric == "otel_agent.outbox.size" and (point.value or 0) < 0:
            self.wrong.append(f"the outbox has {point.value} spans")
        if point.metric == "otel_agent.export.rejected" and point.temporality == "cumulative" and self.exact:
            signal: Signal = "traces" if point.attributes["otel_agent.signal"] == "traces" else "metrics"
            if not 0 <= (point.value or 0) - self.rejected[signal] <= self.unread[signal]:
                self.wrong.append(f"{point.value} {signal} are said to be rejected, not {self.rejected[signal]}")


def _is_turn(span: SpanRow) -> bool:
    return span.name.startswith("invoke_agent")


def some_behaviours(draw: random.Random, number: int) -> list[str]:
    """Return the next answers: half of them accept."""
    return [draw.choice([*BEHAVIOURS, *["accept"] * len(BEHAVIOURS)]) for _ in range(number)]
