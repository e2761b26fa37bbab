"""Says in a sentence what is wrong with a backend that does not accept OTLP, and in another one what to do."""

import re
from typing import Final

from msgspec import Struct

from otel_agent.delivery.advice import advice
from otel_agent.delivery.listener import Language, Spoken
from otel_agent.delivery.probe import Reached

_HTTP_STATUS: Final = re.compile(r"HTTP (\d{3})")
_UNCLEAR_CODES: Final = frozenset(
    {"CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNIMPLEMENTED", "UNKNOWN"}
)
"""The codes that gRPC's client uses for whatever does not speak gRPC, too."""
_BY_PROTOCOL: Final = "Set OTEL_EXPORTER_OTLP_PROTOCOL={}, or use the port for {}, usually {}."
_USE_GRPC: Final = _BY_PROTOCOL.format("grpc", "HTTP", 4318)
_USE_HTTP: Final = _BY_PROTOCOL.format("http/protobuf", "gRPC", 4317)
_USE_TLS: Final = "Begin the address with https:// instead of http://."
_USE_NO_TLS: Final = "This port has no TLS: of https:// or http://, begin the address with http://."
_AUTHORITY: Final = (
    "Set OTEL_EXPORTER_OTLP_CERTIFICATE to the PEM file of the authority that signed the backend's certificate."
)
_BY_CERTIFICATE: Final = (
    ("ostname mismatch", "Use a name that is in the certificate, or have one issued for this name."),
    ("IP address mismatch", "Use a name that is in the certificate, or have one issued for this address."),
    ("expired", "Renew the certificate of the backend, or set this machine's clock."),
    ("not yet valid", "Set this machine's clock, or wait until the certificate is valid."),
    ("", _AUTHORITY),
)
"""What to do about a certificate, by the words in which OpenSSL refuses it."""


class Diagnosis(Struct, frozen=True):
    """What is wrong, and what to do about it."""

    seen: str
    advice: str


def is_unclear(reason: str, *, grpc: bool) -> bool:
    """Return true if a look at what listens there can say more than the reason for which a request failed."""
    status = _HTTP_STATUS.match(reason)
    # A server that speaks TLS answers plain HTTP with 400; every other status comes from something that understands HTTP.
    if status is not None:
        return status[1] == "400"
    return not grpc or reason.removeprefix("gRPC ") in _UNCLEAR_CODES


def of_request(reason: str, spoken: Spoken | None, *, grpc: bool, tls: bool, at: str) -> Diagnosis:
    """Return the diagnosis of a request that was not accepted. ``at`` is the address, for people."""
    if spoken is not None and (found := _other_language(spoken, grpc=grpc, tls=tls, at=at)):
        return found
    status = _HTTP_STATUS.match(reason)
    if spoken is not None and spoken.silent:
        return Diagnosis(
            f"a connection to {at} is accepted, and nothing is ever answered: no answer in time",
            "The program that listens there hangs, or something between holds the data back: restart it or look at its log.",
        )
    if status is not None and status[1] == "400" and spoken is not None and spoken.tls and not tls and not grpc:
        return Diagnosis(f"{at} speaks TLS and was asked without it (HTTP 400)", _USE_TLS)
    return Diagnosis(f"an empty request was not accepted: {reason}", advice(reason))


def of_proxy(reason: str, proxy: str) -> Diagnosis:
    """Return the diagnosis of a request that failed on its way through a proxy, or behind it."""
    if "the proxy" in reason or _HTTP_STATUS.match(reason):
        return Diagnosis(
            f"an empty request was not accepted by way of the proxy {proxy}: {reason}",
            "The answer may be the proxy's own. Let it pass the backend, or name the backend in NO_PROXY "
            f"(the proxy is from HTTPS_PROXY, HTTP_PROXY or ALL_PROXY). {advice(reason)}",
        )
    return Diagnosis(f"an empty request was not accepted by way of the proxy {proxy}: {reason}", advice(reason))


def of_connection(reached: Reached, spoken: Spoken | None, *, grpc: bool) -> Diagnosis:
    """Return the diagnosis of an address to which no connection is possible, or none with TLS."""
    at = f"{reached.host}:{reached.port}"
    match reached.step:
        case "name":
            words = "Check the name in OTEL_EXPORTER_OTLP_ENDPOINT, and this machine's network."
            return Diagnosis(f"{reached.host}: {reached.trouble}", words)
        case "certificate":
            words = next(words for sign, words in _BY_CERTIFICATE if sign in reached.trouble)
            return Diagnosis(f"{at}: TLS failed ({reached.trouble})", words)
        case "tls" if spoken is not None and (found := _other_language(spoken, grpc=grpc, tls=True, at=at)):
            return Diagnosis(f"{at}: TLS failed ({found.seen})", found.advice)
        case "tls":
            return Diagnosis(f"{at}: TLS failed ({reached.trouble})", advice("TLS"))
    if reached.trouble == "no answer":
        words = "A firewall may drop it: check the address and the port, and whether a VPN or a proxy is needed."
        return Diagnosis(f"{at}: no answer to a connection", words)
    return Diagnosis(f"{at}: {reached.trouble}", advice(reached.trouble))


def _other_language(spoken: Spoken, *, grpc: bool, tls: bool, at: str) -> Diagnosis | None:
    """Return the diagnosis if something else is spoken there than what was asked, else ``None``."""
    http, grpc_, https, grpcs = Language.HTTP, Language.GRPC, Language.HTTPS, Language.GRPCS
    asked = (grpcs if tls else grpc_) if grpc else (https if tls else http)
    if not spoken.languages or asked in spoken.languages:
        return None
    plain = spoken.languages & {http, grpc_}
    if tls and plain:
        also = "" if (grpc_ if grpc else http) in plain else f" {_USE_HTTP if grpc else _USE_GRPC}"
        return Diagnosis(f"{_listed(plain)} without TLS is spoken at {at}", f"{_USE_NO_TLS}{also}")
    if not tls and not plain:
        also = "" if (grpcs if grpc else https) in spoken.languages else f" {_USE_HTTP if grpc else _USE_GRPC}"
        return Diagnosis(f"{at} speaks TLS and was asked without it", f"{_USE_TLS}{also}")
    if grpc:
        return Diagnosis(f"{at} speaks HTTP, and not the gRPC that was asked", _USE_HTTP)
    return Diagnosis(f"{at} speaks gRPC, and does not speak HTTP", _USE_GRPC)


def _listed(languages: frozenset[Language]) -> str:
    return " and ".join(sorted(languages))
