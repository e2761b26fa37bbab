"""Connections that belong to an exchange: it can shut each of them down, and knows when the request leaves.

The classes of urllib3 do the rest. They are changed at four points. The socket is known before it connects. The first byte
of the request is noted. An answer ends after ``MOST_BYTES``, its headers and trailers included. One that ends before the
end that it announced is an error.
"""

import http.client
import io
import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any, Final

import requests
import socks  # type: ignore[import-untyped]
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.contrib.socks import SOCKSConnection, SOCKSHTTPSConnection, SOCKSProxyManager
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from otel_agent.delivery.exchange import current

MOST_BYTES: Final = 256 * 1024
"""Bytes of an answer that are taken from the network. An OTLP one has a few hundred."""
_SOCKS_PORT: Final = 1080

for _name in ("urllib3.connection", "urllib3.connectionpool"):
    # Their warnings quote whole addresses, keys included, and what strangers answer. The result of a request has a reason.
    logging.getLogger(_name).setLevel(logging.CRITICAL)


ProxyRefused: Final = socks.ProxyError
"""PySocks raises this if a SOCKS proxy refuses, or cannot connect."""


class TooLong(OSError):
    """The other side sent more than any answer has."""


class _Bounded(io.RawIOBase):
    """Reads from a connection, and no more than ``MOST_BYTES``. ``ended`` says that the other side has closed it."""

    def __init__(self, source: io.RawIOBase) -> None:
        self._source, self._seen, self.ended = source, 0, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        number = self._source.readinto(buffer)
        self._seen += number or 0
        if self._seen > MOST_BYTES:
            raise TooLong
        self.ended |= number == 0
        return number

    def close(self) -> None:
        self._source.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer that counts only when it is whole. ``http.client`` takes a closed connection for the end of headers,
    of a body of a known length, and of trailers. So half an answer would look like one without a body.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._source = _Bounded(self.fp.detach())
        self.fp = io.BufferedReader(self._source)

    def begin(self) -> None:
        """Read the headers. Raises ``IncompleteRead`` if the connection was closed before they ended."""
        super().begin()
        # Whoever has read the empty line after the headers does not read on.
        if self._source.ended:
            raise http.client.IncompleteRead(b"")

    def read(self, amt: int | None = None) -> bytes:
        """Read from the body. Raises ``IncompleteRead`` if the connection was closed before its end."""
        found = super().read(amt)
        if self._source.ended and self._announces_its_end():
            raise http.client.IncompleteRead(found)
        return found

    def _announces_its_end(self) -> bool:
        """Return false if the body ends where the connection does (RFC 9112, 6.3)."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers


class _Watched(HTTPConnection):
    """A connection of the exchange that runs in this thread."""

    response_class = _Answer
    _ready = False

    def connect(self) -> None:
        """Connect, through a proxy and with TLS if need be. None of that carries the request."""
        self._ready = False
        super().connect()
        self._ready = True

    def send(self, data: Any) -> None:
        """Send a part of the request, or what a proxy has to know before it."""
        if self.sock is None:
            self.connect()
        if self._ready:
            current().leave(self.sock)
        super().send(data)

    def _new_conn(self) -> socket.socket:
        try:
            return self._connected()
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no connection in time") from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, f"no connection: {error}") from error

    def _connected(self) -> socket.socket:
        return _first_of(self._dns_host, self.port or self.default_port, socket.socket, self.socket_options)


class _WatchedTls(_Watched, HTTPSConnection):
    pass


class _WatchedSocks(_Watched):
    def _connected(self) -> socket.socket:
        proxy: dict[str, Any] = vars(self)["_socks_options"]

        def towards_proxy(*kind: int) -> socket.socket:
            made: Any = socks.socksocket(*kind)
            made.set_proxy(
                proxy["socks_version"],
                proxy["proxy_host"],
                proxy["proxy_port"],
                proxy["rdns"],
                proxy["username"],
                proxy["password"],
            )
            return made  # type: ignore[no-any-return]

        host, port = proxy["proxy_host"], proxy["proxy_port"] or _SOCKS_PORT
        return _first_of(host, port, towards_proxy, self.socket_options, target=(self.host.strip("[]"), self.port))


class _Socks(_WatchedSocks, SOCKSConnection):
    pass


class _SocksTls(_WatchedSocks, SOCKSHTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


class _SocksPool(HTTPConnectionPool):
    ConnectionCls = _Socks


class _SocksTlsPool(HTTPSConnectionPool):
    ConnectionCls = _SocksTls


class WatchedAdapter(requests.adapters.HTTPAdapter):
    """Makes connections that the exchange can end.

    They trust the authorities of its context and no others. ``requests`` would add those that it finds by itself.
    """

    def __init__(self, trust: ssl.SSLContext | None) -> None:
        """``trust`` holds the client's certificate too; ``None`` if nothing is encrypted."""
        self._trust = trust
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the connections of this adapter with its own context."""
        super().init_poolmanager(*args, ssl_context=self._trust, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make the connections through a proxy with the same context."""
        manager = super().proxy_manager_for(proxy, ssl_context=self._trust, **kwargs)
        socks_proxy = isinstance(manager, SOCKSProxyManager)
        manager.pool_classes_by_scheme = (
            {"http": _SocksPool, "https": _SocksTlsPool} if socks_proxy else {"http": _Pool, "https": _TlsPool}
        )
        return manager

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Say that certificates are verified, and name no bundle: the context has the authorities."""
        return super().build_connection_pool_key_attributes(request, True, cert)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Require a certificate, and name no bundle, for the same reason."""
        super().cert_verify(conn, url, verify=False, cert=cert)  # type: ignore[no-untyped-call]
        conn.cert_reqs = "CERT_REQUIRED"


def _first_of(
    host: str,
    port: int,
    make: Callable[..., socket.socket],
    options: Iterable[Any] | None,
    *,
    target: tuple[str, int] | None = None,
) -> socket.socket:
    """Connect to the first address of the host that answers. ``target`` is what a SOCKS proxy there has to connect to."""
    exchange = current()
    found = socket.getaddrinfo(host.strip("[]"), port, allowed_gai_family(), socket.SOCK_STREAM)
    failure: OSError = OSError("the name has no address")
    for number, (*kind, _, address) in enumerate(found):
        made = make(*kind)
        try:
            for option in options or ():
                made.setsockopt(*option)
            # An address that swallows everything leaves time for the next one.
            made.settimeout(exchange.remaining_seconds / (len(found) - number))
            exchange.hold(made)
            made.connect(target or address)
        except OSError as error:  # PySocks' errors are of this kind, too
            made.close()
            failure = error
        else:
            made.settimeout(exchange.remaining_seconds)
            return made
    raise failure
