"""The receiver: it keeps what arrived, decides how the next request is answered, and answers the tests' questions."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.otlp_receiver.behaviours import Behaviour, accept, unauthorized
from tests.support.otlp_receiver.over_http import HttpServer
from tests.support.otlp_receiver.rows import Attribute, PointRow, SpanRow, point_rows, span_rows
from tests.support.otlp_receiver.tls import TlsFiles, server_context
from tests.support.otlp_receiver.wire import Received, Request, Signal, Wire

if TYPE_CHECKING:
    from tests.support.otlp_receiver.over_grpc import GrpcServer

OBSERVED = (
    "process.",
    "opencode.process.count",
    "otel_agent.ingest.lag",
    "otel_agent.message.age",
    "otel_agent.outbox.size",
    "otel_agent.ledger.size",
    "otel_agent.series.",
    "otel_agent.export.",
    "otel_agent.budget.",
)
"""The first part of the names of observed metrics, which describe one moment and are not kept in a ledger."""

Series = tuple[str, frozenset[tuple[str, Attribute]]]


def chats_of(spans: list[SpanRow]) -> list[SpanRow]:
    """Return the spans of model calls. Each message has one."""
    return [span for span in spans if span.name.startswith("chat")]


def kept(points: list[PointRow]) -> list[PointRow]:
    """Return the points of metrics whose totals a ledger keeps."""
    return [point for point in points if not point.metric.startswith(OBSERVED)]


class Script:
    """The next answers: first the ones in the queue, then always the same one."""

    def __init__(self, upcoming: tuple[Behaviour, ...], then: Behaviour) -> None:
        self._upcoming = deque(upcoming)
        self._then = then

    def next(self) -> Behaviour:
        """Return the next answer and remove it from the queue."""
        return self._upcoming.popleft() if self._upcoming else self._then


class OtlpReceiver:
    """An OTLP backend on the loopback interface. HTTP listens from `with` on, gRPC from the first `grpc_endpoint`.

    A request is recorded before it is answered: if the client has the answer, the request is here. `port` and
    `grpc_port` let a second receiver replace a closed one. A request without all of `require_headers` is answered 401
    (UNAUTHENTICATED) and uses up no behaviour. `tls` makes both servers speak TLS only. `client_ca` makes them require
    a client's certificate of that authority.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        grpc_port: int = 0,
        tls: TlsFiles | None = None,
        client_ca: Path | None = None,
        require_headers: Mapping[str, str] | None = None,
    ) -> None:
        self.closing = threading.Event()
        self._port = port
        self._grpc_port = grpc_port
        self._tls = tls
        self._client_ca = client_ca
        self._require_headers = {name.lower(): value for name, value in (require_headers or {}).items()}
        self._http: HttpServer | None = None
        # Reentrant, because a predicate of wait_for asks the receiver. It guards all fields below.
        self._arrival = threading.Condition(threading.RLock())
        self._grpc: GrpcServer | None = None
        self._script = Script((), accept())
        self._script_of: dict[Signal, Script] = {}
        self._requests: list[Received] = []
        self._malformed: list[str] = []
        self._spans: list[SpanRow] = []
        self._points: list[PointRow] = []

    def __enter__(self) -> Self:
        context = server_context(self._tls, self._client_ca) if self._tls else None
        self._http = HttpServer(self, self._port, context)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, end every connection and wait for every thread. The questions still work afterwards."""
        self.closing.set()
        for server in (self._http, self._grpc):
            if server is not None:
                server.close()
        self._http = self._grpc = None

    @property
    def endpoint(self) -> str:
        """Return the base URL for OTLP over HTTP."""
        return self._listening().endpoint

    @property
    def grpc_endpoint(self) -> str:
        """Return the URL for OTLP over gRPC. The first call starts that server."""
        from tests.support.otlp_receiver.over_grpc import GrpcServer  # noqa: PLC0415 - most tests do without gRPC

        with self._arrival:
            self._listening()
            if self._grpc is None:
                self._grpc = GrpcServer(self, self._grpc_port, self._tls, self._client_ca)
            return self._grpc.endpoint

    def behave(self, *upcoming: Behaviour, then: Behaviour | None = None, signal: Signal | None = None) -> None:
        """Answer the next requests with `upcoming`, one each, and all later ones with `then` (default: accept).

        If a `signal` is given, this applies to that signal alone. Otherwise it applies to both, and replaces their own.
        """
        script = Script(upcoming, then or accept())
        with self._arrival:
            if signal is None:
                self._script = script
                self._script_of.clear()
            else:
                self._script_of[signal] = script

    def admit(self, signal: Signal, protocol: Wire, headers: Mapping[str, str], message: Request) -> Behaviour:
        """Record a request for a server and return how to answer it. Raises Malformed if its rows cannot be read."""
        arrived_ns = time.time_ns()
        spans, points = _rows(message)
        with self._arrival:
            behaviour = self._next(signal, headers)
            received = Received(signal, protocol, headers, message, arrived_ns, behaviour.name, behaviour.accepted)
            self._requests.append(received)
            if behaviour.accepted:
                self._spans.extend(spans)
                self._points.extend(points)
            self._arrival.notify_all()
        return behaviour

    def note_malformed(self, reason: str) -> None:
        """Note for a server something that was not an OTLP request."""
        with self._arrival:
            self._malformed.append(reason)
            self._arrival.notify_all()

    def _listening(self) -> HttpServer:
        if self._http is None:
            raise RuntimeError("the receiver is not listening: use it in a `with` statement")
        return self._http

    def _next(self, signal: Signal, headers: Mapping[str, str]) -> Behaviour:
        if any(headers.get(name) != value for name, value in self._require_headers.items()):
            return unauthorized()
        return self._script_of.get(signal, self._script).next()

    @property
    def requests(self) -> tuple[Received, ...]:
        """Return every OTLP request, accepted or not, in the order of arrival."""
        with self._arrival:
            return tuple(self._requests)

    @property
    def malformed(self) -> tuple[str, ...]:
        """Return what is wrong with each arrival that was not an OTLP request, in order.

        Examples are a followed redirect, a failed handshake, bad protobuf and a request that broke off.
        """
        with self._arrival:
            return tuple(self._malformed)

    def spans(self) -> list[SpanRow]:
        """Return the spans of all accepted requests, with duplicates."""
        with self._arrival:
            return list(self._spans)

    def chats(self) -> list[SpanRow]:
        """Return the spans of model calls, with duplicates. Each message has one."""
        return chats_of(self.spans())

    def points(self) -> list[PointRow]:
        """Return the data points of all accepted requests, with duplicates and without ``observed``."""
        with self._arrival:
            return kept(self._points)

    def observed(self) -> list[PointRow]:
        """Return the data points of metrics that describe processes and the agent at one moment."""
        with self._arrival:
            return [point for point in self._points if point.metric.startswith(OBSERVED)]

    def latest(self) -> dict[Series, PointRow]:
        """Return the point of each series that arrived last.

        Resources are not distinguished: if two senders have the same series, the later point counts.
        """
        return {(point.metric, frozenset(point.attributes.items())): point for point in self.points()}

    def total(
        self, metric: str, containing: Mapping[str, Attribute] | None = None, /, **attributes: Attribute
    ) -> int | float:
        """Return the sum of the latest values, over the metric's series with these attributes; 0 if there are none."""
        wanted = {**(containing or {}), **attributes}.items()
        return sum(_level(point) for point in self._series(metric) if wanted <= point.attributes.items())

    def by(self, metric: str, attribute: str) -> dict[Attribute, int | float]:
        """Return the sum of the latest values for each value of the attribute; series without it are under None."""
        sums: dict[Attribute, int | float] = {}
        for point in self._series(metric):
            value = point.attributes.get(attribute)
            sums[value] = sums.get(value, 0) + _level(point)
        return sums

    def wait_for(self, predicate: Callable[[OtlpReceiver], object], timeout: float = 10) -> None:
        """Wait until the predicate is true; each arrival calls it. Raises AssertionError after `timeout` seconds."""
        with self._arrival:
            if not self._arrival.wait_for(lambda: predicate(self), timeout):
                raise AssertionError(f"not within {timeout} s; {self.summary()}")

    def summary(self) -> str:
        """Return one line that says what arrived."""
        with self._arrival:
            seen = Counter(f"{received.signal} {received.protocol} {received.behaviour}" for received in self._requests)
            counted = ", ".join(f"{count} x {what}" for what, count in seen.items()) or "no requests"
            rows = f"{_counted(len(self._spans), 'span')}, {_counted(len(self._points), 'point')}"
            return f"{counted}; {rows}, malformed: {self._malformed}"

    def _series(self, metric: str) -> list[PointRow]:
        return [point for (name, _), point in self.latest().items() if name == metric]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _rows(message: Request) -> tuple[list[SpanRow], list[PointRow]]:
    if isinstance(message, ExportTraceServiceRequest):
        return list(span_rows(message)), []
    return [], list(point_rows(message))


def _level(point: PointRow) -> int | float:
    if point.value is None:
        raise AssertionError(f"{point.metric} is a histogram: use `count` and `sum` of points() or latest()")
    if point.temporality == "delta":
        raise AssertionError(f"{point.metric} is delta: its latest value is no total, so add up points()")
    return point.value
