"""An HTTP session for the OTLP exporters that does not take an answer for an acknowledgement.

The exporters call any status below 400 a success. A redirect, a captive portal's login page and a collector that
took only part of a request are none: here the first two become a failure, and the third is read and counted.
"""

import io
import json
import time
from typing import Any, Final

import requests
from google.protobuf.message import DecodeError
from msgspec import Struct
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from urllib3.exceptions import NewConnectionError

MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read; an OTLP one is a few hundred."""
MAX_SECONDS: Final = 10.0
"""For one request where the exporter sets no time of its own."""
_REFUSALS: Final = frozenset({400, 406, 413, 415, 422})
"""The request itself is at fault: sending the same again cannot help."""

_UNSURE: Final = frozenset({500, 502, 504})
"""Something broke on the way or behind it, perhaps after the request was passed on."""


class Answer(Struct, frozen=True):
    """What the last request was answered."""

    status: int | None = None
    rejected: int = 0
    reason: str = ""

    unanswered: bool = False
    """It may have arrived all the same."""

    @property
    def permanent(self) -> bool:
        return self.status in _REFUSALS


class StrictSession(requests.Session):
    """Raises for whatever is not an OTLP acknowledgement; ``last`` tells what the most recent request came to."""

    def __init__(self, response: type[ExportTraceServiceResponse] | type[ExportMetricsServiceResponse]) -> None:
        super().__init__()
        self._response = response
        self.auth = _as_given
        self.forget()

    def forget(self) -> None:
        """For the next export: an exporter that never gets as far as a request must not be given the last one's answer."""
        self.last = Answer(reason="nothing was sent")
        self.date = ""
        """The other side's clock, as its last answer told."""

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """As in ``requests``. Raises ``requests.RequestException``: the other side did not take the request."""
        self.last = Answer(reason="no answer")
        kwargs |= {"stream": True, "allow_redirects": False}
        if isinstance(self.verify, str):
            kwargs["verify"] = self.verify  # else REQUESTS_CA_BUNDLE would win over the certificate that was named
        until = time.monotonic() + float(kwargs.get("timeout") or MAX_SECONDS)
        try:
            with super().request(method, url, *args, **kwargs) as answer:
                body = _body(answer, until)
        except requests.RequestException as error:
            self.last = Answer(reason=_words(error), unanswered=_was_sent(error))
            if _never_connected(error):
                raise Unreachable(self.last.reason) from error
            raise
        answer = _with_body(answer, body)
        self.date = answer.headers.get("date", "")
        if answer.status_code >= 400:
            status = answer.status_code
            self.last = Answer(status, reason=f"HTTP {status} {answer.reason}".rstrip(), unanswered=status in _UNSURE)
            return answer
        self.last = self._judge(answer, body)
        if self.last.reason and not self.last.rejected:
            raise NotAcknowledged(self.last.reason, response=answer)
        return answer

    def _judge(self, answer: requests.Response, body: bytes) -> Answer:
        status, kind = answer.status_code, answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not 200 <= status < 300:
            return Answer(status, reason=f"HTTP {status} instead of an acknowledgement (a redirect or a portal?)")
        if len(body) > MAX_ANSWER:
            return Answer(status, reason="an endless answer instead of an acknowledgement")
        if not body:
            return Answer(status)
        try:
            if kind in ("application/x-protobuf", "application/protobuf"):
                return _partial(status, self._response.FromString(body).partial_success)
            if kind == "application/json":
                return _partial_json(status, json.loads(body))
        except (DecodeError, ValueError, TypeError, OverflowError, RecursionError):
            return Answer(status, reason=f"an answer that is not the {kind} it says it is")
        return Answer(status, reason=f"an answer of type {kind or 'unknown'} instead of an acknowledgement (a portal?)")


def _as_given(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authorization is what the headers or the address say: an entry for the host in ``~/.netrc``, of which nobody
    thinks here, would replace it."""
    user, password = requests.utils.get_auth_from_url(request.url or "")
    return requests.auth.HTTPBasicAuth(user, password)(request) if user else request


class Unreachable(requests.RequestException):
    """Nothing listens there. Not a ``requests.ConnectionError``, which the exporters try again until their time is
    up: what is owed lies in the ledger, and whoever waits for the answer should have it at once."""


def _never_connected(error: requests.RequestException) -> bool:
    return bool(error.args) and isinstance(getattr(error.args[0], "reason", None), NewConnectionError)


def _was_sent(error: requests.RequestException) -> bool:
    """Whether the request may have left, all or in part."""
    never = (requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError)
    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, broken) and not isinstance(error, never) and not _never_connected(error)


class NotAcknowledged(requests.RequestException):
    """A 2xx or 3xx that no OTLP backend gives."""


def _body(answer: requests.Response, until: float) -> bytes:
    """The body; one that is endless is cut beyond what is accepted. Raises ``requests.Timeout`` for a slow one."""
    kept = bytearray()
    for byte in answer.iter_content(1):  # a read of more waits until it has it all, one byte a second or not
        kept += byte
        if len(kept) > MAX_ANSWER:
            break
        if time.monotonic() > until:
            raise requests.Timeout("the answer does not end")
    return bytes(kept)


def _with_body(answer: requests.Response, body: bytes) -> requests.Response:
    """The same answer, for whoever reads it next: its connection is back in the pool by now."""
    told = requests.Response()
    told.status_code, told.reason, told.headers, told.url = (
        answer.status_code,
        answer.reason,
        answer.headers,
        answer.url,
    )
    told.raw = io.BytesIO(body)
    return told


def _partial(status: int, partial: Any) -> Answer:
    """Rejected spans or data points; a message without any is only a warning."""
    rejected = max(getattr(partial, "rejected_spans", 0) or getattr(partial, "rejected_data_points", 0), 0)
    return Answer(status, rejected, _shortened(partial.error_message) if rejected else "")


def _partial_json(status: int, found: object) -> Answer:
    if not isinstance(found, dict):
        return Answer(status, reason="a JSON answer that is no object instead of an acknowledgement")
    partial = found.get("partialSuccess")
    if not isinstance(partial, dict):
        return Answer(status)
    rejected = max(int(partial.get("rejectedSpans") or partial.get("rejectedDataPoints") or 0), 0)
    return Answer(status, rejected, _shortened(str(partial.get("errorMessage", ""))) if rejected else "")


def _shortened(text: str) -> str:
    """One line of what the backend says, without whatever would steer a terminal."""
    return "".join(each if each.isprintable() else " " for each in text[:200]).strip() or "no reason given"


def _words(error: requests.RequestException) -> str:
    """What went wrong, without the object addresses and pool names of the libraries below."""
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS handshake failed (wrong certificate, or no TLS there)"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.InvalidURL):
        return "the address cannot be used"
    if isinstance(error, requests.exceptions.InvalidHeader):
        return "a header cannot be sent as it is written"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy did not connect"
    if isinstance(error, requests.ConnectionError):
        return "nothing answers there, or the connection was closed"
    return type(error).__name__
