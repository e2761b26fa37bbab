"""Decodes bytes into request messages, and defines the calls from the two servers to the receiver."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.otlp_receiver.behaviours import Behaviour

Signal = Literal["traces", "metrics"]
Wire = Literal["http", "grpc"]
Request = ExportTraceServiceRequest | ExportMetricsServiceRequest

MESSAGES: dict[Signal, type[ExportTraceServiceRequest | ExportMetricsServiceRequest]] = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


class Malformed(ValueError):
    """Something arrived that is not an OTLP request. The text says why."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived, accepted or not. Header names (in gRPC: metadata keys) are lowercase."""

    signal: Signal
    protocol: Wire
    headers: Mapping[str, str]
    message: Request
    arrived_ns: int
    behaviour: str
    accepted: bool


class Intake(Protocol):
    """The receiver as its servers see it. Many threads call it."""

    closing: threading.Event

    def admit(self, signal: Signal, protocol: Wire, headers: Mapping[str, str], message: Request) -> Behaviour:
        """Record the request and return how to answer it. Raises Malformed if its rows cannot be read."""

    def note_malformed(self, reason: str) -> None:
        """Note something that is not an OTLP request."""


def decode(signal: Signal, body: bytes) -> Request:
    """Decode a request message. Raises Malformed if the bytes are not the signal's message."""
    try:
        return MESSAGES[signal].FromString(body)
    except DecodeError as error:
        raise Malformed(f"{signal}: {len(body)} bytes are not protobuf: {error}") from error


def decompress(encoding: str, body: bytes) -> bytes:
    """Undo an HTTP Content-Encoding. Raises Malformed if it is unknown, or if the body is not encoded like that."""
    try:
        match encoding.strip().lower():
            case "" | "identity":
                return body
            case "gzip":
                return gzip.decompress(body)
            case "deflate":
                return zlib.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise Malformed(f"the body is not {encoding}: {error}") from error
    raise Malformed(f"unknown content-encoding {encoding!r}")
