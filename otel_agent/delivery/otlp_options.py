"""How to reach an OTLP endpoint: the settings file's word, unless a standard variable says otherwise."""

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
    """The table ``[otlp]``. ``endpoint`` is a base address, to which HTTP adds ``/v1/traces`` and ``/v1/metrics``."""

    endpoint: str | None = None
    protocol: str | None = None
    headers: dict[str, str] = {}
    compression: str | None = None
    timeout_seconds: float | None = None
    certificate: Path | None = None
    client_key: Path | None = None
    client_certificate: Path | None = None

    def protocol_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        variable = _variable(signal, "PROTOCOL", environ)
        return variable or self.protocol or "http/protobuf"

    def endpoint_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """The address, without what HTTP adds."""
        grpc = self.protocol_of(signal, environ) == "grpc"
        return _variable(signal, "ENDPOINT", environ) or self.endpoint or f"http://localhost:{4317 if grpc else 4318}"

    def target_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """The address for messages: without the user, password and query, which are where keys are kept."""
        before, mark, rest = self.endpoint_of(signal, environ).partition("?")[0].rpartition("://")
        return f"{before}{mark}{rest.rpartition('@')[2]}"

    def check_address(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> None:
        """Raises ``SettingsError`` for what nothing can listen at. Only gRPC knows other forms than a URL."""
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
        """Raises ``SettingsError`` for one that the protocol does not have: the exporters would send uncompressed."""
        protocol = self.protocol_of(signal, environ)
        name = (_variable(signal, "COMPRESSION", environ) or self.compression or "none").strip().lower()
        if name not in _COMPRESSIONS[protocol]:
            raise SettingsError(
                f"OTLP over {protocol} cannot compress with {name}. Use {' or '.join(_COMPRESSIONS[protocol])}."
            )
        return name

    def timeout_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> float:
        """Seconds for one export with all its tries. Raises ``SettingsError`` for what is no such number."""
        told = _variable(signal, "TIMEOUT", environ)
        try:
            seconds = float(told) if told else self.timeout_seconds or _TIMEOUT_SECONDS
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < math.inf:
            raise SettingsError(f"OTEL_EXPORTER_OTLP_TIMEOUT: {told} is not a number of seconds above zero.")
        return seconds

    def file_of(
        self,
        signal: Signal,
        name: Literal["certificate", "client_key", "client_certificate"],
        environ: Mapping[str, str] = os.environ,
    ) -> Path | None:
        """A file of the TLS set-up. Raises ``OSError`` where it cannot be read: now, and not at the first request."""
        told = _variable(signal, name.upper(), environ)
        path = Path(told) if told else getattr(self, name)
        if path is not None:
            with path.open("rb"):
                pass
        return path

    def base_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str | None:
        """The file's endpoint, ``None`` where a variable names one: the exporter then reads the variable itself."""
        return None if _variable(signal, "ENDPOINT", environ) else self.endpoint

    def headers_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> dict[str, str] | None:
        """The file's headers, ``None`` where a variable names any."""
        return None if _variable(signal, "HEADERS", environ) else self.headers or None

    def insecure(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> bool:
        """Whether gRPC goes without TLS: as the scheme says, and only where there is none, as the variable says."""
        scheme = urlsplit(self.endpoint_of(signal, environ)).scheme
        if scheme in ("http", "https"):
            return scheme == "http"
        return _variable(signal, "INSECURE", environ).strip().lower() == "true"


_COMPRESSIONS: Final = {"http/protobuf": ("none", "gzip", "deflate"), "grpc": ("none", "gzip")}
_TIMEOUT_SECONDS: Final = 10.0
"""The standard's default."""


def _variable(signal: Signal, suffix: str, environ: Mapping[str, str]) -> str:
    prefix = "OTEL_EXPORTER_OTLP_"
    return environ.get(f"{prefix}{signal.upper()}_{suffix}", "") or environ.get(f"{prefix}{suffix}", "")
