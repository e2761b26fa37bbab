"""A small OTLP backend: real HTTP on the loopback interface, real protobuf, what arrived kept in memory."""

import threading
import time
import zlib
from collections import Counter
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

from otel_agent.semconv import Attr

MAX_REQUEST: Final = 64 * 1024 * 1024
"""Bytes of a request, before and after decompression."""
_MAX_SPANS: Final = 200
"""Spans kept to be shown; all are counted."""
_LENGTH_DIGITS: Final = 18
"""Of a Content-Length; Python refuses to read a number of thousands."""
_PATIENCE_SECONDS: Final = 30
"""For a client that says nothing more."""
_POLL_SECONDS: Final = 0.02
"""Between two looks whether to end: it is how long the end of a demo may take."""
_GZIP: Final = 16 + zlib.MAX_WBITS
"""Makes zlib expect gzip's header."""


class Point(Struct, frozen=True):
    """The last value of one series."""

    metric: str
    unit: str
    attributes: dict[str, object]
    value: float


class Span(Struct, frozen=True):
    name: str
    start_ns: int
    end_ns: int
    attributes: dict[str, object]
    arrived_s: float = 0.0
    """In seconds since the Unix epoch."""


class Receiver:
    """Runs while entered. ``endpoint`` is what ``OTEL_EXPORTER_OTLP_ENDPOINT`` would be set to."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
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
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def points(self) -> list[Point]:
        with self._lock:
            return list(self._points.values())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take_metrics(self, body: bytes) -> bytes:
        """Raises ``DecodeError``."""
        request = ExportMetricsServiceRequest.FromString(body)
        with self._lock:
            self.requests += 1
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        self._keep(metric)
        return ExportMetricsServiceResponse().SerializeToString()

    def take_spans(self, body: bytes) -> bytes:
        """Raises ``DecodeError``."""
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            self.requests += 1
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        self.span_count += 1
                        told = _plain(span.attributes)
                        self.spans_by_operation[str(told.get(Attr.OPERATION, ""))] += 1
                        kept = Span(span.name, span.start_time_unix_nano, span.end_time_unix_nano, told, time.time())
                        self.spans = [*self.spans, kept][-_MAX_SPANS:]
        return ExportTraceServiceResponse().SerializeToString()

    def _keep(self, metric: Any) -> None:
        kind = metric.WhichOneof("data")
        if kind is None:
            return
        for point in getattr(metric, kind).data_points:
            attributes = _plain(point.attributes)
            value = point.sum if kind == "histogram" else point.as_double or float(point.as_int)
            key = metric.name, frozenset(attributes.items())
            self._points[key] = Point(metric.name, metric.unit, attributes, value)


def _plain(attributes: Any) -> dict[str, object]:
    """Attributes with one value; lists as the text they are."""
    found: dict[str, object] = {}
    for each in attributes:
        kind = each.value.WhichOneof("value")
        value = getattr(each.value, kind) if kind else None
        found[each.key] = value if isinstance(value, str | bool | int | float) else str(value)
    return found


class _Refused(Exception):
    """What cannot be taken, as an HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    takers = {"/v1/metrics": receiver.take_metrics, "/v1/traces": receiver.take_spans}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _PATIENCE_SECONDS

        def do_POST(self) -> None:
            try:
                take = takers.get(self.path)
                if take is None:
                    raise _Refused(404)
                self._answer(200, take(self._body()))
            except _Refused as refused:
                self._refuse(refused.status)
            except (DecodeError, zlib.error):
                self._refuse(400)

        def _body(self) -> bytes:
            """Raises ``_Refused``, and ``zlib.error`` for what is not compressed as it says."""
            length = self.headers.get("Content-Length", "")
            if not (length.isascii() and length.isdigit()):
                raise _Refused(411)
            if len(length) > _LENGTH_DIGITS or int(length) > MAX_REQUEST:
                raise _Refused(413)
            body = self.rfile.read(int(length))
            if len(body) < int(length):
                raise _Refused(400)
            return _inflated(body, self.headers.get("Content-Encoding", "identity"))

        def _refuse(self, status: int) -> None:
            """What of the request was not read would be taken for the next one: the connection ends here."""
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
            """The screen belongs to the tables."""

    return Handler


def _inflated(body: bytes, encoding: str) -> bytes:
    """At most ``MAX_REQUEST`` bytes, whatever a few compressed ones would become."""
    match encoding:
        case "identity":
            return body
        case "gzip":
            inflater = zlib.decompressobj(_GZIP)
        case "deflate":
            inflater = zlib.decompressobj()
        case _:
            raise _Refused(415)
    found = inflater.decompress(body, MAX_REQUEST + 1)
    if len(found) > MAX_REQUEST:
        raise _Refused(413)
    if not inflater.eof:
        raise _Refused(400)
    return found
