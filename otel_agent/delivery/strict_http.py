"""An HTTP session for the OTLP exporters that accepts nothing but an OTLP acknowledgement.

The exporters call any status below 400 a success. A redirect, a captive portal's login page, and a backend that rejects a
part of a request are none. Here the first two become a failure, and the third is read and counted.
"""

import io
import json
import ssl
import time
from typing import Any, Final

import requests
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from urllib3.exceptions import NewConnectionError

from otel_agent.delivery import retry
from otel_agent.model import SendResult

MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read; an OTLP one has a few hundred."""
_PROTOBUF: Final = ("application/x-protobuf", "application/protobuf")
_OTLP_KINDS: Final = (*_PROTOBUF, "application/json")
MAX_SECONDS: Final = 10.0
"""Time for one request if the exporter sets none of its own."""


Acknowledgement = type[ExportTraceServiceResponse] | type[ExportMetricsServiceResponse]
"""The message that a backend answers a signal with."""


class StrictSession(requests.Session):
    """Raises for whatever is not an OTLP acknowledgement.

    ``last`` is the result of the most recent request, ``date`` the backend's clock as its last answer gave it.
    """

    def __init__(
        self,
        response: Acknowledgement,
        trust: ssl.SSLContext | None = None,
        *,
        accept_any_2xx: bool = False,
    ) -> None:
        """``response`` is the message that the backend answers with, ``trust`` the authorities that it may show.

        ``accept_any_2xx`` takes what is no OTLP answer for a yes, if its status is 2xx: a person says that it is one.
        """
        super().__init__()
        self._response, self._accept_any_2xx = response, accept_any_2xx
        self.auth = _as_given
        if trust is not None:
            self.mount("https://", _Trusting(trust))
        self.forget()

    def forget(self) -> None:
        """Prepare for the next export. An exporter that was closed sends nothing, and must not find the last result."""
        self.last = SendResult(accepted=False, reason="nothing was sent")
        self.date = ""

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send as ``requests`` does. Raises ``requests.RequestException`` unless the backend acknowledged the request.

        A status of 400 or above is returned: the exporters know which of these to try again.
        """
        self.last = SendResult(accepted=False, reason="no answer")
        kwargs |= {"stream": True, "allow_redirects": False}
        until = time.monotonic() + float(kwargs.get("timeout") or MAX_SECONDS)
        try:
            with super().request(method, url, *args, **kwargs) as answer:
                body = _body(answer, until)
        except requests.RequestException as error:
            self.last = SendResult(accepted=False, reason=_reason(error), unanswered=_may_have_arrived(error))
            if _never_connected(error):
                raise Unreachable(self.last.reason) from error
            raise
        answer = _with_body(answer, body)
        self.date = answer.headers.get("date", "")
        if answer.status_code >= 400:
            self.last = retry.http_failure(answer.status_code, answer.reason)
            return answer
        self.last = self._judge(answer, body)
        if not self.last.accepted:
            raise NotAcknowledged(self.last.reason, response=answer)
        return answer

    def _judge(self, answer: requests.Response, body: bytes) -> SendResult:
        """Return the result of an answer below 400. An empty body is an acknowledgement, a page of HTML is none."""
        status, kind = answer.status_code, answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not 200 <= status < 300:
            return _failure(f"HTTP {status} instead of an acknowledgement (a redirect or a portal?)")
        if len(body) > MAX_ANSWER:
            return _failure("an endless answer instead of an acknowledgement")
        if not body or (self._accept_any_2xx and kind not in _OTLP_KINDS):
            return SendResult(accepted=True)
        try:
            if kind in _PROTOBUF:
                return _partial(self._response.FromString(body).partial_success)
            if kind == "application/json":
                return _partial_json(json.loads(body))
        # json.loads recurses, and int() of what a stranger wrote fails in several ways.
        except (DecodeError, ValueError, TypeError, OverflowError, RecursionError):
            return _failure(f"an answer that is not the {kind} it says it is")
        return _failure(f"an answer of type {kind or 'unknown'} instead of an acknowledgement (a portal?)")


class _Trusting(requests.adapters.HTTPAdapter):
    """Trusts the authorities of its context and no others. ``requests`` would add those that it finds by itself."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._trust = trust
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the connections of this adapter with its own context."""
        super().init_poolmanager(*args, ssl_context=self._trust, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make the connections through a proxy with the same context."""
        return super().proxy_manager_for(proxy, ssl_context=self._trust, **kwargs)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Say that certificates are verified, and name no bundle: the context has the authorities."""
        return super().build_connection_pool_key_attributes(request, True, cert)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Set the client's certificate only, for the same reason."""
        super().cert_verify(conn, url, verify=False, cert=cert)  # type: ignore[no-untyped-call]
        conn.cert_reqs = "CERT_REQUIRED"


def _as_given(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authorize only by the headers or the address. An entry for the host in ``~/.netrc`` would replace them silently."""
    user, password = requests.utils.get_auth_from_url(request.url or "")
    return requests.auth.HTTPBasicAuth(user, password)(request) if user else request


class Unreachable(requests.RequestException):
    """Nothing listens there.

    It is no ``requests.ConnectionError``: the exporters would try that again until their time is up, while a person waits.
    The data is safe in the ledger.
    """


def _never_connected(error: requests.RequestException) -> bool:
    return bool(error.args) and isinstance(getattr(error.args[0], "reason", None), NewConnectionError)


def _may_have_arrived(error: requests.RequestException) -> bool:
    """True if the request may have left, all of it or a part."""
    never = (requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError)
    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, broken) and not isinstance(error, never) and not _never_connected(error)


class NotAcknowledged(requests.RequestException):
    """An answer with 2xx or 3xx that no OTLP backend gives."""


def _body(answer: requests.Response, until: float) -> bytes:
    """Return the body, cut soon after ``MAX_ANSWER``. Raises ``requests.Timeout`` for one that is too slow."""
    kept = bytearray()
    # Byte by byte: a longer read waits until it is complete, even at one byte a second, and no timeout would end it.
    for byte in answer.iter_content(1):
        kept += byte
        if len(kept) > MAX_ANSWER:
            break
        if time.monotonic() > until:
            raise requests.Timeout("the answer does not end")
    return bytes(kept)


def _with_body(answer: requests.Response, body: bytes) -> requests.Response:
    """Return the same answer to read once more: its connection is back in the pool by now."""
    copy = requests.Response()
    copy.status_code, copy.reason, copy.headers, copy.url = (
        answer.status_code,
        answer.reason,
        answer.headers,
        answer.url,
    )
    copy.raw = io.BytesIO(body)
    return copy


def _failure(reason: str) -> SendResult:
    return SendResult(accepted=False, reason=reason)


def _partial(partial: Any) -> SendResult:
    """Return the result of a protobuf answer. A message without rejected items is only a warning, and is dropped."""
    rejected = max(getattr(partial, "rejected_spans", 0) or getattr(partial, "rejected_data_points", 0), 0)
    return SendResult(accepted=True, rejected=rejected, reason=_shortened(partial.error_message) if rejected else "")


def _partial_json(content: object) -> SendResult:
    """Return the result of a JSON answer. Raises ``ValueError`` or the like for numbers that are none."""
    if not isinstance(content, dict):
        return _failure("a JSON answer that is no object instead of an acknowledgement")
    partial = content.get("partialSuccess")
    if not isinstance(partial, dict):
        return SendResult(accepted=True)
    # Protobuf's JSON writes 64-bit integers as strings.
    rejected = max(int(partial.get("rejectedSpans") or partial.get("rejectedDataPoints") or 0), 0)
    reason = _shortened(str(partial.get("errorMessage", ""))) if rejected else ""
    return SendResult(accepted=True, rejected=rejected, reason=reason)


def _shortened(text: str) -> str:
    """Return one line of the backend's message, without control characters: it is shown in terminals."""
    return (
        "".join(character if character.isprintable() else " " for character in text[:200]).strip() or "no reason given"
    )


def _reason(error: requests.RequestException) -> str:
    """Return what went wrong, without the object addresses and pool names of the libraries below."""
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS handshake failed (wrong certificate, or no TLS there)"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.InvalidURL):
        return "the address cannot be used"
    if isinstance(error, requests.exceptions.InvalidSchema):
        return "the proxy is of a kind that cannot be used"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy did not connect"
    if isinstance(error, requests.ConnectionError):
        return "nothing answers there, or the connection was closed"
    return type(error).__name__
