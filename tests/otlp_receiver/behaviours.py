"""How a request is answered, on the wire: one value for HTTP and gRPC alike.

Where HTTP has an answer that gRPC cannot give (a redirect, a login page), the gRPC side refuses with the status code a
gRPC client makes of such an HTTP response. Where gRPC knows no difference (an empty body, JSON), it accepts.
"""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
HTML = "text/html; charset=utf-8"
MEBIBYTE = 1 << 20

NOT_PROTOBUF = b"\xff\xff\xff\xff surely not protobuf"
LOGIN_PAGE = b"<!doctype html><title>Sign in</title><p>Welcome to the guest network.</p>"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP response. Without a content type the header is left out."""

    status: int = 200
    content_type: str = PROTOBUF
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Silence:
    """No response; the connection is closed after `seconds`, or when the receiver closes (None)."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Stream:
    """A 200 whose body goes on: a block, a pause, a block, until the client leaves or `limit_bytes` were sent."""

    limit_bytes: int
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A gRPC status. `code` is a name of `grpc.StatusCode`, so that gRPC is imported only where it is served."""

    code: str
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One way to answer.

    `taken` says whether a backend that answers so has kept the request: its spans and points then count, whatever the
    client believes. `grpc` is the response message as bytes, or what is done in its place.
    """

    name: str
    taken: bool
    http: Reply | Silence | Stream
    grpc: bytes | Refusal | Silence = b""


def accept() -> Behaviour:
    return Behaviour("accept", True, Reply())


def accept_empty_body() -> Behaviour:
    """200 with neither a body nor a content type."""
    return Behaviour("accept_empty_body", True, Reply(content_type=""))


def no_content() -> Behaviour:
    return Behaviour("no_content", True, Reply(204, content_type=""))


def json_accept() -> Behaviour:
    return Behaviour("json_accept", True, Reply(content_type=JSON, body=b"{}"))


def partial(rejected: int, message: str = "") -> Behaviour:
    """Accepted but for `rejected` spans or points. Which ones the protocol does not say, so all of them count as taken.

    `partial(0)` is a success that carries an empty `partial_success`.
    """
    # The traces' and the metrics' response have the same layout: the rejected count is field 1, the message field 2.
    response = ExportTraceServiceResponse()
    response.partial_success.SetInParent()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = message
    body = response.SerializeToString()
    return Behaviour("partial", True, Reply(body=body), body)


NOT_SOON = 3600
"""Seconds to wait before the next try: longer than any client of the tests waits, so that one try is all it makes."""


def unavailable(retry_after_seconds: int | None = None) -> Behaviour:
    """503, with Retry-After if a time is named; UNAVAILABLE, with RetryInfo likewise."""
    headers = () if retry_after_seconds is None else (("Retry-After", str(retry_after_seconds)),)
    return Behaviour("unavailable", False, Reply(503, headers=headers), Refusal("UNAVAILABLE", retry_after_seconds))


def throttled(retry_after_seconds: int = 1) -> Behaviour:
    """429 with Retry-After; RESOURCE_EXHAUSTED with RetryInfo."""
    reply = Reply(429, headers=(("Retry-After", str(retry_after_seconds)),))
    return Behaviour("throttled", False, reply, Refusal("RESOURCE_EXHAUSTED", retry_after_seconds))


def bad_request() -> Behaviour:
    return Behaviour("bad_request", False, Reply(400), Refusal("INVALID_ARGUMENT"))


def unauthorized() -> Behaviour:
    return Behaviour("unauthorized", False, Reply(401), Refusal("UNAUTHENTICATED"))


def redirect(location: str = "/login") -> Behaviour:
    """302; who follows a path of this receiver finds the login page, and is named in `OtlpReceiver.malformed`."""
    return Behaviour("redirect", False, Reply(302, HTML, headers=(("Location", location),)), Refusal("UNKNOWN"))


def not_modified() -> Behaviour:
    return Behaviour("not_modified", False, Reply(304, content_type=""), Refusal("UNKNOWN"))


def portal() -> Behaviour:
    """The login page of a guest network, with status 200."""
    return Behaviour("portal", False, Reply(content_type=HTML, body=LOGIN_PAGE), Refusal("UNKNOWN"))


def garbage_body(*, taken: bool = False) -> Behaviour:
    """200 that calls itself protobuf and is not."""
    return Behaviour("garbage_body", taken, Reply(body=NOT_PROTOBUF), NOT_PROTOBUF)


def hang(seconds: float | None = None, *, taken: bool = False) -> Behaviour:
    """Read the request and say nothing, for `seconds` or until the receiver closes."""
    return Behaviour("hang", taken, Silence(seconds), Silence(seconds))


def drop(*, taken: bool = True) -> Behaviour:
    """Read the request and close the connection. Taken by default: the backend has it and the client cannot know."""
    return Behaviour("drop", taken, Silence(0), Silence(0))


def endless_body(limit_bytes: int = 64 * MEBIBYTE, pause_seconds: float = 0, *, taken: bool = False) -> Behaviour:
    """200 with a body of `limit_bytes`, `pause_seconds` between blocks: too large, or (with a pause) too slow.

    Over gRPC a response of 8 MiB: a client's default limit is 4 MiB.
    """
    return Behaviour("endless_body", taken, Stream(limit_bytes, pause_seconds), bytes(8 * MEBIBYTE))
