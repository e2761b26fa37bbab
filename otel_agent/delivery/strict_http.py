"""An HTTP session that accepts nothing but an OTLP acknowledgement, and that nothing holds up beyond a deadline.

A redirect, a captive portal's login page, and a backend that rejects a part of a request are no success. The first two are a
failure here, and the third is read and counted (``acknowledgement``).
"""

import ssl
import zlib
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

from otel_agent.delivery import proxies, retry
from otel_agent.delivery.acknowledgement import MAX_ANSWER, Acknowledgement, judge
from otel_agent.delivery.connections import WatchedAdapter
from otel_agent.delivery.exchange import Exchange
from otel_agent.delivery.http_errors import CLOSED, IN_TIME, PROXY_ADDRESS, failure_reason
from otel_agent.delivery.tries import Tried
from otel_agent.delivery.user_agent import USER_AGENT
from otel_agent.model import SendResult


class StrictSession(requests.Session):
    """Sends one request at a time. ``date`` is the backend's clock as its last answer gave it."""

    def __init__(
        self,
        response: Acknowledgement,
        trust: ssl.SSLContext | None = None,
        *,
        accept_any_2xx: bool = False,
    ) -> None:
        """``response`` is the message that the backend answers with. ``trust`` has the authorities that it may show, and
        the client's certificate.

        ``accept_any_2xx`` takes what is no OTLP answer for a yes, if its status is 2xx: a person says that it is one.
        """
        super().__init__()
        self._response, self._accept_any_2xx = response, accept_any_2xx
        self._exchange: Exchange | None = None
        self._closed = False
        self.auth = _as_given
        self.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
        # A backend could make them grow for ever.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self.mount(scheme, WatchedAdapter(trust))
        self.date = ""

    def post_once(self, url: str, body: bytes, headers: dict[str, str | bytes], deadline: float) -> Tried:
        """Post the body, and return what came of it until the deadline, which is on the monotonic clock. Never raises."""
        if self._exchange is not None and self._exchange.running:
            # Only the look-up of a name lasts so long. A second one beside it would wait for the same name server.
            return Tried(SendResult(accepted=False, reason=IN_TIME))
        exchange = self._exchange = Exchange(deadline)
        if self._closed:  # looked at after the exchange can be seen: one of the two threads ends it
            exchange.break_off()
        try:
            answer: _Answer = exchange.run(lambda: self._answer(url, body, headers, exchange.remaining_seconds))
        except Exception as error:  # noqa: BLE001 - whatever the libraries below raise, the request may be sent again
            reason = "broken off" if self._closed else failure_reason(error)
            if not exchange.left and proxies.is_unusable(url):
                reason = PROXY_ADDRESS  # the libraries below say the same of the backend's own
            return Tried(
                SendResult(accepted=False, reason=reason, unanswered=exchange.left),
                broke=exchange.left and reason == CLOSED,
            )
        self.date = answer.headers.get("date", "")
        return self._judged(answer)

    def break_off(self) -> None:
        """End the request under way, and send none any more. May be called from any thread."""
        self._closed = True
        exchange = self._exchange
        if exchange is not None:
            exchange.break_off()

    def get_redirect_target(self, resp: Any) -> None:
        """Follow no redirect. ``requests`` would read its whole body, however long it is, to find out where it leads."""

    def _answer(self, url: str, body: bytes, headers: dict[str, str | bytes], seconds: float) -> "_Answer":
        with self.post(url, body, headers=headers, timeout=seconds, stream=True, allow_redirects=False) as answer:
            # The body of an answer of 300 and above is shown nowhere.
            content = _body(answer) if 200 <= answer.status_code < 300 else b""
            return _Answer(answer, content)

    def _judged(self, answer: "_Answer") -> Tried:
        named = retry.retry_after(answer.headers.get("retry-after"), self.date)
        if answer.status >= 400:
            result = retry.http_failure(answer.status, answer.phrase, named or 0.0)
            return Tried(result, again=retry.http_asks_again(answer.status), again_s=named)
        kind = answer.headers.get("content-type", "")
        result = judge(answer.status, kind, answer.body, self._response, accept_any_2xx=self._accept_any_2xx)
        return Tried(result)


class _Answer:
    """What is left of an answer after its connection is closed or back in the pool."""

    def __init__(self, answer: requests.Response, body: bytes | None) -> None:
        self.status, self.phrase, self.headers, self.body = answer.status_code, answer.reason, answer.headers, body


def _body(answer: requests.Response) -> bytes | None:
    """Return the body, cut after ``MAX_ANSWER`` bytes, also if it was packed: a few bytes can hide gigabytes.

    ``None`` if it cannot be unpacked as a whole.
    """
    raw: bytes = answer.raw.read(MAX_ANSWER + 1, decode_content=False)
    coding = answer.headers.get("content-encoding", "").strip().lower()
    if not raw or len(raw) > MAX_ANSWER or coding in ("", "identity"):
        return raw
    if coding not in ("gzip", "x-gzip", "deflate"):
        return None
    # 32 recognizes the heads of gzip and zlib.
    unpacking = zlib.decompressobj(32 + zlib.MAX_WBITS)
    try:
        body = unpacking.decompress(raw, MAX_ANSWER + 1)
    except zlib.error:
        return None
    return body if unpacking.eof or len(body) > MAX_ANSWER else None


def _as_given(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authorize only by the headers or the address. An entry for the host in ``~/.netrc`` would replace them silently."""
    user, password = requests.utils.get_auth_from_url(request.url or "")
    return requests.auth.HTTPBasicAuth(user, password)(request) if user else request
