"""Ways to answer a request, each as one value for both HTTP and gRPC.

The gRPC protocol has no redirects and no login pages. Instead, the gRPC server rejects with the status code that a
client makes of such an HTTP response. An empty body and JSON are no different in gRPC, so there it simply accepts.
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
    """A whole HTTP response. An empty content type leaves the header out."""

    status: int = 200
    content_type: str = PROTOBUF
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Silence:
    """No response. The connection is closed after `seconds`, or when the receiver closes (None)."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Stream:
    """A 200 with a long body: blocks with pauses between them, until the client leaves or `limit_bytes` were sent."""

    limit_bytes: int
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A gRPC status. `code` is a name of `grpc.StatusCode`, so that only the gRPC server imports gRPC."""

    code: str
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One way to answer.

    `accepted` is true if a backend that answers like this has kept the request. Its spans and points then count, even
    if the client cannot know it. `grpc` is the response message as bytes, or a status or silence instead of it.
    """

    name: str
    accepted: bool
    http: Reply | Silence | Stream
    grpc: bytes | Refusal | Silence = b""


def accept() -> Behaviour:
    """Answer 200 with an empty response message."""
    return Behaviour("accept", True, Reply())


def accept_empty_body() -> Behaviour:
    """Answer 200 with neither a body nor a content type."""
    return Behaviour("accept_empty_body", True, Reply(content_type=""))


def no_content() -> Behaviour:
    """Answer 204."""
    return Behaviour("no_content", True, Reply(204, content_type=""))


def json_accept() -> Behaviour:
    """Answer 200 with an empty JSON object."""
    return Behaviour("json_accept", True, Reply(content_type=JSON, body=b"{}"))


def partial(rejected: int, message: str = "") -> Behaviour:
    """Answer 200 with a partial success that rejects so many spans or points.

    The protocol does not say which ones, so all of them count as accepted. `partial(0)` is a success with an empty
    `partial_success`.
    """
    # The traces' and the metrics' response have the same layout: the rejected count is field 1, the message field 2.
    response = ExportTraceServiceResponse()
    response.partial_success.SetInParent()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = message
    body = response.SerializeToString()
    return Behaviour("partial", True, Reply(body=body), body)


NOT_SOON = 3600
"""Seconds before the next try. No client of the tests waits that long, so each tries once only."""


def unavailable(retry_after_seconds: int | None = None) -> Behaviour:
    """Answer 503 or UNAVAILABLE. If a time is given, it is sent as Retry-After or RetryInfo."""
    headers = () if retry_after_seconds is None else (("Retry-After", str(retry_after_seconds)),)
    return Behaviour("unavailable", False, Reply(503, headers=headers), Refusal("UNAVAILABLE", retry_after_seconds))


def throttled(retry_after_seconds: int = 1) -> Behaviour:
    """Answer 429 with Retry-After, or RESOURCE_EXHAUSTED with RetryInfo."""
    reply = Reply(429, headers=(("Retry-After", str(retry_after_seconds)),))
    return Behaviour("throttled", False, reply, Refusal("RESOURCE_EXHAUSTED", retry_after_seconds))


def bad_request() -> Behaviour:
    """Answer 400 or INVALID_ARGUMENT."""
    return Behaviour("bad_request", False, Reply(400), Refusal("INVALID_ARGUMENT"))


def unauthorized() -> Behaviour:
    """Answer 401 or UNAUTHENTICATED."""
    return Behaviour("unauthorized", False, Reply(401), Refusal("UNAUTHENTICATED"))


def redirect(location: str = "/login") -> Behaviour:
    """Answer 302. If a client follows it here, it gets the login page, which `OtlpReceiver.malformed` shows."""
    return Behaviour("redirect", False, Reply(302, HTML, headers=(("Location", location),)), Refusal("UNKNOWN"))


def not_modified() -> Behaviour:
    """Answer 304."""
    return Behaviour("not_modified", False, Reply(304, content_type=""), Refusal("UNKNOWN"))


def portal() -> Behaviour:
    """Answer 200 with the login page of a guest network."""
    return Behaviour("portal", False, Reply(content_type=HTML, body=LOGIN_PAGE), Refusal("UNKNOWN"))


def garbage_body(*, accepted: bool = False) -> Behaviour:
    """Answer 200 with a body that claims to be protobuf and is not."""
    return Behaviour("garbage_body", accepted, Reply(body=NOT_PROTOBUF), NOT_PROTOBUF)


def hang(seconds: float | None = None, *, accepted: bool = False) -> Behaviour:
    """Read the request and do not answer, for `seconds` or until the receiver closes."""
    return Behaviour("hang", accepted, Silence(seconds), Silence(seconds))


def drop(*, accepted: bool = True) -> Behaviour:
    """Read the request and close the connection. The client cannot know if it was accepted."""
    return Behaviour("drop", accepted, Silence(0), Silence(0))


def endless_body(limit_bytes: int = 64 * MEBIBYTE, pause_seconds: float = 0, *, accepted: bool = False) -> Behaviour:
    """Answer 200 with a body of `limit_bytes`, in blocks with `pause_seconds` between them: too large, or too slow.

    The gRPC server answers with 8 MiB, because a client's default limit is 4 MiB.
    """
    return Behaviour("endless_body", accepted, Stream(limit_bytes, pause_seconds), bytes(8 * MEBIBYTE))
