"""The options to reach an OTLP endpoint. A standard variable wins over the settings file, and one for the signal over both."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from otel_agent.errors import SettingsError
from otel_agent.semconv import Signal


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

    def protocol_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the name of the protocol, which may be one that nobody knows."""
        return _variable(signal, "PROTOCOL", environ) or self.protocol or "http/protobuf"

    def endpoint_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the address, without the path that HTTP adds."""
        grpc = self.protocol_of(signal, environ) == "grpc"
        return _variable(signal, "ENDPOINT", environ) or self.endpoint or f"http://localhost:{4317 if grpc else 4318}"

    def target_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the address to show: without user, password and query, in which people keep keys."""
        before, mark, rest = self.endpoint_of(signal, environ).partition("?")[0].rpartition("://")
        return f"{before}{mark}{rest.rpartition('@')[2]}"

    def check_address(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> None:
        """Raise ``SettingsError`` for an address at which nothing can listen. Only gRPC has other forms than a URL."""
        grpc = self.protocol_of(signal, environ) == "grpc"
        try:
            parts = urlsplit(self.endpoint_of(signal, environ))
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
        value = _variable(signal, "TIMEOUT", environ)
        try:
            seconds = float(value) if value else self.timeout_seconds or _TIMEOUT_SECONDS
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < math.inf:
            raise SettingsError(f"OTEL_EXPORTER_OTLP_TIMEOUT: {value} is not a number of seconds above zero.")
        return seconds

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

    def base_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str | None:
        """Return the file's endpoint; ``None`` if a variable names one, because the exporter reads that itself."""
        return None if _variable(signal, "ENDPOINT", environ) else self.endpoint

    def headers_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> dict[str, str] | None:
        """Return the file's headers; ``None`` if a variable names any, because the exporter reads that itself."""
        return None if _variable(signal, "HEADERS", environ) else self.headers or None

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
    """Return the variable for the signal, else the general one. An empty variable counts as not set."""
    prefix = "OTEL_EXPORTER_OTLP_"
    return environ.get(f"{prefix}{signal.upper()}_{suffix}", "") or environ.get(f"{prefix}{suffix}", "")
