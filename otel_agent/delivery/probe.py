"""Finds out if somebody listens at an address: looks it up, connects, and greets with TLS. It sends no data."""

import socket
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct

from otel_agent.delivery.exchange import BrokenOff, Exchange, current

PATIENCE_SECONDS: Final = 2.5
"""Time for all steps together: a person waits for the answer."""


class Reached(Struct, frozen=True):
    """The last step that was tried. ``trouble`` is empty if somebody answered."""

    host: str
    port: int
    trouble: str = ""
    step: str = ""
    """The step that failed: ``name``, ``connection``, ``tls``, or ``certificate`` if nothing here trusts it."""
    certificate_until: datetime | None = None
    """When the certificate expires, if there was one."""


def reach(host: str, port: int, *, trust: ssl.SSLContext | None) -> Reached:
    """Try to reach a port. Takes up to ``PATIENCE_SECONDS`` for all of it, and never raises for it.

    ``trust`` has the authorities that the other side may show; ``None`` uses no TLS.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    if trouble := _look_up(host, port, deadline):
        return Reached(host, port, trouble, "name")
    try:
        with socket.create_connection((host, port), max(deadline - time.monotonic(), 0.001)) as connection:
            reached = Reached(host, port)
            return reached if trust is None else _greeted(connection, reached, trust, deadline)
    except TimeoutError:
        return Reached(host, port, "no answer", "connection")
    except OSError as error:
        return Reached(host, port, error.strerror or str(error), "connection")


def _greeted(connection: socket.socket, reached: Reached, trust: ssl.SSLContext, deadline: float) -> Reached:
    """Shake hands with TLS over the connection. Returns how far that got."""

    def certificate_shown() -> dict[str, Any]:
        current().hold(connection)
        with trust.wrap_socket(connection, server_hostname=reached.host) as tls:
            return tls.getpeercert() or {}

    try:
        certificate = Exchange(deadline).run(certificate_shown)
    except (BrokenOff, TimeoutError):  # the socket's own timeout ends at the same moment
        return Reached(reached.host, reached.port, "no answer in time", "tls")
    except ssl.SSLCertVerificationError as error:
        return Reached(reached.host, reached.port, error.verify_message, "certificate")
    except (ssl.SSLError, OSError) as error:
        return Reached(reached.host, reached.port, getattr(error, "reason", None) or "no TLS there", "tls")
    # The date is only shown. A certificate without a readable one was verified all the same.
    until = None
    with suppress(KeyError, ValueError):
        until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    return Reached(reached.host, reached.port, certificate_until=until)


def _look_up(host: str, port: int, deadline: float) -> str:
    """Return why the name has no address, empty if it has one. A look-up that takes too long is left behind."""

    def found() -> Any:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)

    try:
        return "" if Exchange(deadline).run(found) else "the name is not known"
    except BrokenOff:
        return "the name server does not answer in time"
    except (OSError, UnicodeError):
        return "the name is not known"
