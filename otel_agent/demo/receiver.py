"""A small OTLP backend: real HTTP on the loopback interface, real protobuf, and everything it receives in memory."""

import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

from google.protobuf.message import DecodeError
from msgspec import Struct
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from otel_agent.semconv.attributes import Attr

MAX_REQUEST: Final = 64 * 1024 * 1024
"""Bytes of a request, before and after decompression."""
_MAX_SPANS: Final = 200
"""Number of spans kept to be shown; all are counted."""
_LENGTH_DIGITS: Final = 18
"""Most digits of a Content-Length: Python raises an error for a number with thousands of digits."""
_PATIENCE_SECONDS: Final = 30
"""Time after which a silent client is disconnected."""
_POLL_SECONDS: Final = 0.02
"""Time between two checks whether to stop, and so the time that the end of a demo may take."""
_GZIP: Final = 16 + zlib.MAX_WBITS
"""The window size that makes zlib expect gzip's header."""


class Point(Struct, frozen=True):
    """The last value of one series; of a histogram its sum."""

    metric: str
    unit: str
    attributes: dict[str, object]
    value: float


class Span(Struct, frozen=True):
    """A span as it arrived. Times in nanoseconds since the Unix epoch."""

    name: str
    start_ns: int
    end_ns: int
    attributes: dict[str, object]
    arrived_s: float = 0.0
    """Time of arrival in seconds since the Unix epoch."""


class Receiver:
    """The backend; it listens while it is entered, in a thread of its own. Everything that arrived can be read at any time."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _serving(self))
        self._server.daemon_threads = True
        serve = partial(self._server.serve_forever, poll_interval=_POLL_SECONDS)
        self._thread = threading.Thread(target=serve, name="receiver", daemon=True)
        self._lock = threading.Lock()
        self._points: dict[tuple[str, frozenset[tuple[str, object]]], Point] = {}
        self.spans: list[Span] = []
        self.span_count = 0
        self.spans_by_operation: Counter[str] = Counter()
        self.requests = 0

    @property
    def endpoint(self) -> str:
        """The base URL, as for ``OTEL_EXPORTER_OTLP_ENDPOINT``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def points(self) -> list[Point]:
        """The last value of each series that arrived."""
        with self._lock:
            return list(self._points.values())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take_metrics(self, body: bytes) -> bytes:
        """Keep the points of a request, and return the answer. Raises ``DecodeError``."""
        request = ExportMetricsServiceRequest.FromString(body)
        # Each connection has a thread of its own.
        with self._lock:
            self.requests += 1
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        self._keep_points(metric)
        return ExportMetricsServiceResponse().SerializeToString()

    def take_spans(self, body: bytes) -> bytes:
        """Keep the spans of a request, and return the answer. Raises ``DecodeError``."""
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            self.requests += 1
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        self._keep_span(span)
        return ExportTraceServiceResponse().SerializeToString()

    def _keep_span(self, span: Any) -> None:
        attributes = _plain(span.attributes)
        self.span_count += 1
        self.spans_by_operation[str(attributes.get(Attr.OPERATION, ""))] += 1
        kept = Span(span.name, span.start_time_unix_nano, span.end_time_unix_nano, attributes, time.time())
        # A new list each time: the screen reads the old one in another thread.
        self.spans = [*self.spans, kept][-_MAX_SPANS:]

    def _keep_points(self, metric: Any) -> None:
        kind = metric.WhichOneof("data")
        if kind is None:
            return
        for point in getattr(metric, kind).data_points:
            attributes = _plain(point.attributes)
            value = point.sum if kind == "histogram" else point.as_double or float(point.as_int)
            key = metric.name, frozenset(attributes.items())
            self._points[key] = Point(metric.name, metric.unit, attributes, value)


def _plain(attributes: Any) -> dict[str, object]:
    """Return attributes as plain values; a list as its text."""
    values: dict[str, object] = {}
    for attribute in attributes:
        kind = attribute.value.WhichOneof("value")
        value = getattr(attribute.value, kind) if kind else None
        values[attribute.key] = value if isinstance(value, str | bool | int | float) else str(value)
    return values


class _Rejected(Exception):
    """A request that cannot be accepted, with the HTTP status that says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _serving(receiver: Receiver) -> Callable[..., BaseHTTPRequestHandler]:
    """Return what the server makes for each connection: a handler that passes requests on to the receiver."""
    return partial(_Handler, {"/v1/metrics": receiver.take_metrics, "/v1/traces": receiver.take_spans})


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_SECONDS

    def __init__(self, takers: Mapping[str, Callable[[bytes], bytes]], *connection: Any) -> None:
        self._takers = takers
        super().__init__(*connection)  # serves the connection to its end

    def do_POST(self) -> None:
        try:
            take = self._takers.get(self.path)
            if take is None:
                raise _Rejected(404)
            self._answer(200, take(self._body()))
        except _Rejected as rejected:
            self._reject(rejected.status)
        except (DecodeError, zlib.error):
            self._reject(400)

    def _body(self) -> bytes:
        """Read and inflate the body. Raises ``_Rejected``, and ``zlib.error`` if it is not compressed as it says."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise _Rejected(411)
        if len(length) > _LENGTH_DIGITS or int(length) > MAX_REQUEST:
            raise _Rejected(413)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise _Rejected(400)
        return _inflated(body, self.headers.get("Content-Encoding", "identity"))

    def _reject(self, status: int) -> None:
        """Answer and close: the rest of the body would otherwise be read as the next request."""
        self.close_connection = True
        self._answer(status, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the screen belongs to the demo."""


def _inflated(body: bytes, encoding: str) -> bytes:
    """Return the inflated body, and never inflate more than ``MAX_REQUEST`` bytes. Raises as ``_Handler._body``."""
    match encoding:
        case "identity":
            return body
        case "gzip":
            inflater = zlib.decompressobj(_GZIP)
        case "deflate":
            inflater = zlib.decompressobj()
        case _:
            raise _Rejected(415)
    # One byte more than allowed is enough to know that it is too large.
    inflated = inflater.decompress(body, MAX_REQUEST + 1)
    if len(inflated) > MAX_REQUEST:
        raise _Rejected(413)
    if not inflater.eof:
        raise _Rejected(400)
    return inflated
