"""How to reach an OTLP endpoint: the settings file's word, unless a standard variable says otherwise."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct

Signal = Literal["traces", "metrics"]


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
        """The address in words, for messages."""
        grpc = self.protocol_of(signal, environ) == "grpc"
        return _variable(signal, "ENDPOINT", environ) or self.endpoint or f"http://localhost:{4317 if grpc else 4318}"

    def compression_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        return (_variable(signal, "COMPRESSION", environ) or self.compression or "none").strip().lower()

    def unless_set(self, signal: Signal, name: str, environ: Mapping[str, str] = os.environ) -> object:
        """The option, or ``None`` where a standard variable sets it: the exporter then reads the variable itself."""
        suffix = name.removesuffix("_seconds").upper()
        return None if _variable(signal, suffix, environ) else getattr(self, name)


def _variable(signal: Signal, suffix: str, environ: Mapping[str, str]) -> str:
    prefix = "OTEL_EXPORTER_OTLP_"
    return environ.get(f"{prefix}{signal.upper()}_{suffix}", "") or environ.get(f"{prefix}{suffix}", "")
