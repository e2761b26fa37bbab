"""The forms of an endpoint's address: which are refused, and what HTTP and gRPC make of the others."""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from otel_agent.model.printable import printable

EXAMPLE: Final = "http://localhost:4318"
_GRPC_NAMES: Final = ("dns", "ipv4", "ipv6", "unix", "unix-abstract", "vsock", "xds")
"""Schemes of gRPC's own: it resolves such a name itself."""
_NO_HOST: Final = re.compile(r"[\s*!\"#$&'()+,;=<>\\^`{|}]")
_GRPC_PORT: Final = 4317
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_QUERY: Final = re.compile(r"[?#]")
HIDDEN: Final = "…"
"""Stands for an address when nothing of it may be shown."""


def fault(address: str, *, grpc: bool) -> str:
    """Return what is wrong with an address, as the end of a sentence that begins with it; empty if nothing is."""
    if not grpc and _ends_before_its_user(address):
        return "has a ? or # in its password, which ends an address. Write %3F or %23 instead."
    if any(character.isspace() or ord(character) < 32 or ord(character) == 127 for character in address):
        return "has a blank or a line break in it."
    if "#" in address:
        return "has a # in it, and what comes after that is never sent."
    if grpc and _named(address):
        return "" if _nameable(address) else _no_address()
    parts = _parts(address, grpc=grpc)
    if parts is None:
        return _no_address()
    if grpc and parts.query:
        return "has a query, which gRPC cannot send."
    if grpc and "@" in parts.netloc:
        return "has a user or a password in it, which gRPC cannot send. Use OTEL_EXPORTER_OTLP_HEADERS for that."
    return ""


def is_encrypted(address: str) -> bool | None:
    """True for https, False for http, ``None`` for an address that says neither."""
    scheme = address.partition(":")[0].lower() if ":" in address else ""
    return scheme == "https" if scheme in ("http", "https") else None


def with_path(address: str, path: str) -> str:
    """Return the URL below a base address."""
    return f"{lowered(address).rstrip('/')}/{path}"


def lowered(url: str) -> str:
    """Return the URL with its scheme in lower case: ``HTTPS://`` means TLS, too."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme.lower()}{mark}{rest}"


def grpc_target(address: str, *, encrypted: bool) -> str:
    """Return what gRPC calls a target. gRPC itself would take port 443 also without TLS."""
    where = host_and_port(address, grpc=True, encrypted=encrypted)
    if where is None:
        return address
    host, port = where
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def host_and_port(address: str, *, grpc: bool, encrypted: bool) -> tuple[str, int] | None:
    """Return where a connection goes, ``None`` for a name that only gRPC understands, such as a socket of this machine."""
    parts = None if grpc and _named(address) else _parts(address, grpc=grpc)
    if parts is None or not parts.hostname:
        return None
    return parts.hostname, parts.port or (443 if encrypted else _GRPC_PORT if grpc else 80)


def without_secrets(address: str) -> str:
    """Return the address to show: without user, password and query, in which people keep keys."""
    scheme, user, place, _ = _split(address)
    return printable(f"{scheme}{place or (HIDDEN if user else '')}")


def masked(address: str, mask: str) -> str:
    """Return the address with its user, password and query masked, as in ``https://user:secret@host/path?key=secret``."""
    scheme, user, place, query = _split(address)
    if user and not place:
        return printable(f"{scheme}{mask}")
    return printable(f"{scheme}{mask if user else ''}{user[-1:]}{place}{query[:1]}{mask if query else ''}")


def _split(address: str) -> tuple[str, str, str, str]:
    """Return the scheme, the user with its @, what may be shown, and the query or fragment with its first character.

    A password may have each of the characters that end one. The last @ ends it, unless that is in a query: nobody can tell
    which it is if a ? or # comes before it. Then nothing may be shown.
    """
    scheme, mark, rest = address.partition("://")
    if not mark or not _SCHEME.fullmatch(scheme):
        scheme, mark, rest = "", "", address
    user, at, place = rest.rpartition("@")
    if end := _QUERY.search(user):
        return f"{scheme}{mark}", user, "", user[end.start() :]
    end = _QUERY.search(place)
    cut = end.start() if end else len(place)
    return f"{scheme}{mark}", f"{user}{at}", place[:cut], place[cut:]


def _no_address() -> str:
    return f"is no address such as {EXAMPLE}."


def _named(address: str) -> bool:
    scheme, mark, rest = address.partition(":")
    # A machine may be called dns: then a port follows, and neither a path nor a name.
    return scheme.lower() in _GRPC_NAMES and bool(mark) and not rest.isdigit()


def _ends_before_its_user(address: str) -> bool:
    """Return true if what comes before a ? or # is no address, and an @ follows."""
    before = _QUERY.split(address, maxsplit=1)[0]
    return len(before) < address.rfind("@") and ("#" in address or _parts(before, grpc=False) is None)


def _nameable(address: str) -> bool:
    scheme, _, rest = address.partition(":")
    if scheme.lower() != "dns":
        return bool(rest.strip("/"))
    return _parts(rest.rpartition("/")[2], grpc=True) is not None


def _parts(address: str, *, grpc: bool) -> SplitResult | None:
    """Return the parts of a URL, and of ``host:port`` for gRPC; ``None`` if nothing can listen there."""
    try:
        parts = urlsplit(address if "://" in address or not grpc else f"//{address}")
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:  # also a name that is too long
        return None
    schemes = ("http", "https", "") if grpc else ("http", "https")
    usable = parts.scheme in schemes and host and port != 0 and not _NO_HOST.search(host)
    return parts if usable else None
