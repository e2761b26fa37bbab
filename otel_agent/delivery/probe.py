"""Whether there is somebody at an address: looked up, connected to, and, with TLS, greeted. Nothing is sent."""

import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

PATIENCE_SECONDS: Final = 5.0
"""For each step."""


class Reached(Struct, frozen=True):
    """How far it got. ``trouble`` is empty where somebody answered."""

    host: str
    port: int
    trouble: str = ""
    step: str = ""
    """``name``, ``connection`` or ``tls``: where it failed."""
    certificate_until: datetime | None = None


def reach(address: str, *, default_port: int, secure: bool, authority: Path | None) -> Reached:
    """``address`` is a URL or ``host:port``; ``authority`` a PEM file with who signed its certificate."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    host, port = parts.hostname or "localhost", parts.port or default_port
    found = Reached(host, port)
    if not _resolves(host, port):
        return Reached(host, port, "the name is not known", "name")
    try:
        with socket.create_connection((host, port), PATIENCE_SECONDS) as connection:
            return _greeted(connection, found, authority) if secure else found
    except TimeoutError:
        return Reached(host, port, "no answer", "connection")
    except OSError as error:
        return Reached(host, port, error.strerror or str(error), "connection")


def _greeted(connection: socket.socket, found: Reached, authority: Path | None) -> Reached:
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    try:
        with context.wrap_socket(connection, server_hostname=found.host) as tls:
            certificate = tls.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return Reached(found.host, found.port, error.verify_message, "tls")
    except (ssl.SSLError, OSError) as error:
        return Reached(found.host, found.port, getattr(error, "reason", None) or "no TLS there", "tls")
    until = None
    with suppress(KeyError, ValueError):
        until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    return Reached(found.host, found.port, certificate_until=until)


def _resolves(host: str, port: int) -> bool:
    """The system's own look-up knows no deadline; it is left behind where it takes too long."""
    found: list[object] = []

    def look_up() -> None:
        with suppress(OSError, UnicodeError):
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    thread = threading.Thread(target=look_up, name="name", daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    return bool(found)
