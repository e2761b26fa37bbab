"""Reads what people paste: addresses and headers as vendors' pages show them."""

import re
from typing import Final
from urllib.parse import urlsplit

from otel_agent.delivery import addresses
from otel_agent.errors import SettingsError
from otel_agent.settings import headers

_ASSIGNMENT: Final = re.compile(r"^\s*(?:export\s+)?OTEL_EXPORTER_OTLP_[A-Z_]+\s*=\s*")
_OWN_PATH: Final = re.compile(r"/v1/(traces|metrics|logs)/?$")
_PORTS: Final = {4317: "grpc", 4318: "http/protobuf"}
"""The ports that OpenTelemetry registered, and what is spoken there."""


def address(text: str) -> str:
    """Return the base address that was pasted. Raises ``SettingsError`` with a better form if nothing can listen there.

    A variable's name before it, quotes around it, and the path that OTLP adds by itself are taken away.
    """
    found = _OWN_PATH.sub("", _value(text))
    if not found:
        raise SettingsError(f"the address is empty. Write one such as {addresses.EXAMPLE}.")
    if "://" not in found:
        meant = addresses.masked(completed(found), addresses.HIDDEN)
        raise SettingsError(f"the address has no http:// or https://. Did you mean {meant}?")
    if fault := addresses.fault(found, grpc=False):
        raise SettingsError(f"{addresses.without_secrets(found)} {fault}")
    return found.rstrip("/")


def completed(text: str) -> str:
    """Return the address with a scheme: plain HTTP for this machine, TLS for all others."""
    found = _value(text)
    if "://" in found:
        return found
    host = found.partition(":")[0]
    here = host in ("localhost", "[", "") or host.startswith("127.")
    return f"{'http' if here else 'https'}://{found}"


def usual_protocol(endpoint: str) -> str:
    """Return the protocol that is usually spoken at the port of an address."""
    try:
        port = urlsplit(endpoint).port
    except ValueError:
        port = None
    return _PORTS.get(port or 0, "http/protobuf")


def header_lines(text: str, place: str) -> dict[str, str]:
    """Return the headers in a text: a line each, as ``name: value``, or as ``name=value,name=value`` of OpenTelemetry.

    ``place`` is where they are from. Raises ``SettingsError``, which never quotes what may be a key.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        pasted = _value(line)
        if not pasted or pasted.startswith("#"):
            continue
        name, colon, value = pasted.partition(":")
        if colon and "=" not in name:
            found[name.strip()] = value.strip()
        elif "=" in pasted:
            found |= headers.parsed(pasted, place)
        else:
            raise SettingsError(
                f"{place}: a header needs a name. Write it as authorization: Bearer KEY, or as authorization=Bearer%20KEY."
            )
    headers.check(found, place, grpc=False)
    return found


def _value(text: str) -> str:
    """Return a text without blanks, quotes, and the name of a variable before it."""
    found = _ASSIGNMENT.sub("", text).strip()
    for quote in "\"'":
        if len(found) > 1 and found[0] == found[-1] == quote:
            found = found[1:-1].strip()
    return found
