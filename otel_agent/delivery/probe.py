"""Finds out if somebody listens at an address: looks it up, connects, and greets with TLS. It sends no data."""

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct

from otel_agent.delivery.exchange import BrokenOff, Exchange, current

PATIENCE_SECONDS: Final = 5.0
"""Time for each step."""


class Reached(Struct, frozen=True):
    """The last step that was tried. ``trouble`` is empty if somebody answered."""

    host: str
    port: int
    trouble: str = ""
    step: str = ""
    """The step that failed: ``name``, ``connection`` or ``tls``."""
    certificate_until: datetime | None = None
    """When the certificate expires, if there was one."""


def reach(host: str, port: int, *, trust: ssl.SSLContext | None) -> Reached:
    """Try to reach a port. Takes up to 5 s for each step, and never raises for it.

    ``trust`` has the authorities that the other side may show; ``None`` uses no TLS.
    """
    if not _resolves(host, port):
        return Reached(host, port, "the name is not known", "name")
    try:
        with socket.create_connection((host, port), PATIENCE_SECONDS) as connection:
            reached = Reached(host, port)
            return reached if trust is None else _greeted(connection, reached, trust)
    except TimeoutError:
        return Reached(host, port, "no answer", "connection")
    except OSError as error:
        return Reached(host, port, error.strerror or str(error), "connection")


def _greeted(connection: socket.socket, reached: Reached, trust: ssl.SSLContext) -> Reached:
    """Shake hands with TLS over the connection. Returns how far that got."""

    def certificate_shown() -> dict[str, Any]:
        current().hold(connection)
        with trust.wrap_socket(connection, server_hostname=reached.host) as tls:
            return tls.getpeercert() or {}

    try:
        certificate = _within_patience(certificate_shown)
    except BrokenOff:
        return Reached(reached.host, reached.port, "no answer in time", "tls")
    except ssl.SSLCertVerificationError as error:
        return Reached(reached.host, reached.port, error.verify_message, "tls")
    except (ssl.SSLError, OSError) as error:
        return Reached(reached.host, reached.port, getattr(error, "reason", None) or "no TLS there", "tls")
    # The date is only shown. A certificate without a readable one was verified all the same.
    until = None
    with suppress(KeyError, ValueError):
        until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    return Reached(reached.host, reached.port, certificate_until=until)


def _resolves(host: str, port: int) -> bool:
    """True if the name is known. The system's look-up has no deadline, so one that takes too long is left behind."""
    try:
        return bool(_within_patience(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
    except (OSError, UnicodeError):
        return False


def _within_patience(step: Callable[[], Any]) -> Any:
    """Return what the step returns. Raises ``BrokenOff`` after ``PATIENCE_SECONDS``, whatever it waits for."""
    return Exchange(time.monotonic() + PATIENCE_SECONDS).run(step)
