"""The options to reach an OTLP endpoint. A standard variable wins over the settings file, and one for the signal over both."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from otel_agent.delivery import headers
from otel_agent.errors import SettingsError
from otel_agent.semconv import Signal
from otel_agent.settings.standard import SHORTEST_MS


class OtlpOptions(Struct, frozen=True):
    """The table ``[otlp]`` of the settings file.

    ``endpoint`` is a base address, to which HTTP adds ``/v1/traces`` and ``/v1/metrics``. The methods take the
    environment into account.
    """

    endpoint: str | None = None
    protocol: str | None = None
    headers: dict[str, str] = {}
    compression: str | None = None
    timeout_seconds: float | None = None
    certificate: Path | None = None
    client_key: Path | None = None
    client_certificate: Path | None = None
    accept_any_2xx: bool = False
    """Over HTTP, take any answer with 2xx for an acknowledgement."""

    def protocol_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the name of the protocol, which may be one that nobody knows."""
        return _variable(signal, "PROTOCOL", environ) or self.protocol or "http/protobuf"

    def endpoint_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the address as it is written, without the path that HTTP adds."""
        grpc = self.protocol_of(signal, environ) == "grpc"
        return _variable(signal, "ENDPOINT", environ) or self.endpoint or f"http://localhost:{4317 if grpc else 4318}"

    def target_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the address to show: without user, password and query, in which people keep keys."""
        before, mark, rest = self.endpoint_of(signal, environ).partition("?")[0].rpartition("://")
        return f"{before}{mark}{rest.rpartition('@')[2]}"

    def url_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the URL to which HTTP posts this signal. A variable for the signal alone names the whole of it."""
        whole = _own_variable(signal, "ENDPOINT", environ)
        return whole or f"{self.endpoint_of(signal, environ).rstrip('/')}/v1/{signal}"

    def check(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> None:
        """Raise ``SettingsError`` for whatever can never be sent so: protocol, address, headers, compression, timeout."""
        protocol = self.protocol_of(signal, environ)
        if protocol not in _COMPRESSIONS:
            raise SettingsError(f"OTLP over {protocol} is not supported. Use http/protobuf or grpc.")
        self.check_address(signal, environ)
        self.headers_of(signal, environ)
        self.compression_of(signal, environ)
        self.timeout_of(signal, environ)

    def check_address(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> None:
        """Raise ``SettingsError`` for an address at which nothing can listen. Only gRPC has other forms than a URL."""
        grpc = self.protocol_of(signal, environ) == "grpc"
        endpoint = self.endpoint_of(signal, environ)
        if "?" in endpoint and not _own_variable(signal, "ENDPOINT", environ):
            raise SettingsError(
                f"{self.target_of(signal, environ)}: the address has a query, and /v1/{signal} would come after it. "
                f"Set OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT to the whole address."
            )
        try:
            parts = urlsplit(endpoint)
            url = parts.scheme in ("http", "https")
            usable = bool(parts.hostname and parts.port != 0) if url else grpc and not parts.netloc
        except ValueError:
            usable = False
        if not usable:
            raise SettingsError(f"{self.target_of(signal, environ)} is no address such as http://localhost:4318.")

    def compression_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the compression. Raises ``SettingsError`` for one that the protocol lacks: exporters would not compress."""
        protocol = self.protocol_of(signal, environ)
        name = (_variable(signal, "COMPRESSION", environ) or self.compression or "none").strip().lower()
        if name not in _COMPRESSIONS[protocol]:
            raise SettingsError(
                f"OTLP over {protocol} cannot compress with {name}. Use {' or '.join(_COMPRESSIONS[protocol])}."
            )
        return name

    def timeout_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> float:
        """Return the seconds for one export with all its tries. Raises ``SettingsError`` if it is no positive number."""
        variable, value = _named(signal, "TIMEOUT", environ)
        try:
            milliseconds = float(value) if value else None
        except ValueError:
            milliseconds = 0.0
        if milliseconds is not None and not 0 < milliseconds < math.inf:
            raise SettingsError(f"{variable}: {value} is not a number of milliseconds above zero.")
        if milliseconds is None or milliseconds < SHORTEST_MS:
            return self.timeout_seconds or _TIMEOUT_SECONDS
        return milliseconds / 1_000

    def doubts(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> list[str]:
        """Return a sentence for each value that was probably meant otherwise, and says what is used instead."""
        variable, value = _named(signal, "TIMEOUT", environ)
        if not value or float(value) >= SHORTEST_MS:
            return []
        used = self.timeout_of(signal, environ)
        meant = f"Were seconds meant? Then write {float(value) * 1_000:g}."
        return [f"{variable}={value} means {value} milliseconds, which is too short: {used:g} s is used. {meant}"]

    def file_of(
        self,
        signal: Signal,
        name: Literal["certificate", "client_key", "client_certificate"],
        environ: Mapping[str, str] = os.environ,
    ) -> Path | None:
        """Return a file of the TLS set-up. Raises ``OSError`` if it cannot be read: now, and not at the first request."""
        value = _variable(signal, name.upper(), environ)
        path = Path(value) if value else getattr(self, name)
        if path is not None:
            with path.open("rb"):
                pass
        return path

    def headers_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the headers. Raises ``SettingsError`` for one that is malformed or that the protocol cannot send."""
        variable, value = _named(signal, "HEADERS", environ)
        found = headers.parsed(value, variable) if value else self.headers
        place = variable if value else "[otlp] headers"
        headers.check(found, place, grpc=self.protocol_of(signal, environ) == "grpc")
        return found

    def insecure(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> bool:
        """True if gRPC uses no TLS. The scheme decides; the variable only if there is none."""
        scheme = urlsplit(self.endpoint_of(signal, environ)).scheme
        if scheme in ("http", "https"):
            return scheme == "http"
        return _variable(signal, "INSECURE", environ).strip().lower() == "true"


_COMPRESSIONS: Final = {"http/protobuf": ("none", "gzip", "deflate"), "grpc": ("none", "gzip")}
_TIMEOUT_SECONDS: Final = 10.0
"""The standard's default."""


def _variable(signal: Signal, suffix: str, environ: Mapping[str, str]) -> str:
    """Return the variable's value: the one for the signal, else the general one. An empty variable counts as not set."""
    return _named(signal, suffix, environ)[1]


def _named(signal: Signal, suffix: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the name and the value of the variable that counts; of the general one if none is set."""
    own = _own_variable(signal, suffix, environ)
    if own:
        return f"{_PREFIX}{signal.upper()}_{suffix}", own
    general = f"{_PREFIX}{suffix}"
    # Files with Windows' line ends, and careless copies, leave blanks that no value begins or ends with.
    return general, environ.get(general, "").strip()


def _own_variable(signal: Signal, suffix: str, environ: Mapping[str, str]) -> str:
    return environ.get(f"{_PREFIX}{signal.upper()}_{suffix}", "").strip()


_PREFIX: Final = "OTEL_EXPORTER_OTLP_"
