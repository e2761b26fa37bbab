"""Says in words what kept a request from being answered. The texts of the libraries below have addresses and keys in them."""

import socket
from collections.abc import Iterator
from http.client import HTTPException, IncompleteRead, LineTooLong, RemoteDisconnected
from typing import Final

import requests

from otel_agent.delivery.acknowledgement import ENDLESS
from otel_agent.delivery.connections import ProxyRefused, TooLong
from otel_agent.delivery.exchange import BrokenOff

IN_TIME: Final = "no answer in time"
CLOSED: Final = "nothing answers there, or the connection was closed"
PROXY_ADDRESS: Final = "the address of the proxy cannot be used"
_NO_HTTP: Final = "what answers there does not speak HTTP"

_KINDS: Final[tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...]] = (
    ((TooLong, LineTooLong), ENDLESS),
    (requests.exceptions.SSLError, "the TLS handshake failed (wrong certificate, or no TLS there)"),
    ((BrokenOff, requests.Timeout, TimeoutError), IN_TIME),
    (requests.exceptions.InvalidProxyURL, PROXY_ADDRESS),
    (requests.exceptions.InvalidURL, "the address cannot be used"),
    (requests.exceptions.InvalidSchema, "the proxy is of a kind that cannot be used"),
    ((requests.exceptions.ProxyError, ProxyRefused), "the proxy did not connect"),
    ((socket.gaierror, UnicodeError), "the name of the backend is not known"),
    ((RemoteDisconnected, IncompleteRead), CLOSED),
    (HTTPException, _NO_HTTP),
    ((requests.ConnectionError, OSError), CLOSED),
)
"""The first kind that is among the causes of an error says what it was."""


def failure_reason(error: Exception) -> str:
    """Return what went wrong, in a few words."""
    causes = list(_causes(error))
    # http.client has no kind of its own for too many headers.
    if any(type(each) is HTTPException for each in causes):
        return ENDLESS
    for kinds, words in _KINDS:
        if any(isinstance(each, kinds) for each in causes):
            return words
    return type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and whatever it was made of. urllib3 hands causes on in several ways, and PySocks in one of its own."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, *(getattr(each, name, None) for name in ("reason", "socket_err")), *each.args]
