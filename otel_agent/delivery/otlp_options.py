"""The options to reach an OTLP endpoint. A standard variable wins over the settings file, and one for the signal over both."""

import math
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from otel_agent.delivery import addresses, authorities
from otel_agent.delivery.tries import MOST_TRIES
from otel_agent.errors import SettingsError
from otel_agent.semconv import Signal
from otel_agent.settings import headers
from otel_agent.settings.rules import plain_number
from otel_agent.settings.standard import SHORTEST_MS
from otel_agent.settings.user_folders import without_tilde
from otel_agent.settings.variables import OTLP_PREFIX

TlsFile = Literal["certificate", "client_key", "client_certificate"]


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
    locked: frozenset[str] = frozenset()
    """The keys that an administrator locked: the variables that mean the same do not count."""
    hurried_seconds: float | None = None
    """The most seconds for one export, which is then tried once: a person waits. ``None`` is as the settings say."""

    @property
    def most_tries(self) -> int:
        """The most tries of one export."""
        return MOST_TRIES if self.hurried_seconds is None else 1

    def protocol_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the name of the protocol, which may be one that nobody knows."""
        return self._variable(signal, "PROTOCOL", environ).lower() or self.protocol or "http/protobuf"

    def endpoint_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the address as it is written, without the path that HTTP adds."""
        grpc = self.protocol_of(signal, environ) == "grpc"
        written = self._variable(signal, "ENDPOINT", environ) or (self.endpoint or "").strip()
        return written or f"http://localhost:{4317 if grpc else 4318}"

    def target_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the address to show: without user, password and query, in which people keep keys."""
        return addresses.without_secrets(self.endpoint_of(signal, environ))

    def url_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the URL to which HTTP posts this signal. A variable for the signal alone names the whole of it."""
        whole = self._own_variable(signal, "ENDPOINT", environ)
        return (
            addresses.lowered(whole)
            if whole
            else addresses.with_path(self.endpoint_of(signal, environ), f"v1/{signal}")
        )

    def grpc_target_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the name that gRPC calls for this signal."""
        encrypted = not self.insecure(signal, environ)
        return addresses.grpc_target(self.endpoint_of(signal, environ), encrypted=encrypted)

    def host_and_port_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> tuple[str, int] | None:
        """Return where the connection goes; ``None`` for a name that only gRPC understands."""
        grpc, encrypted = self.protocol_of(signal, environ) == "grpc", self.encrypted(signal, environ)
        return addresses.host_and_port(self.endpoint_of(signal, environ), grpc=grpc, encrypted=encrypted)

    def check(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> None:
        """Raise ``SettingsError`` for whatever can never be sent so. It names the setting. Nothing is connected.

        These are the protocol, the address, headers, compression, timeout and the files for TLS.
        """
        protocol = self.protocol_of(signal, environ)
        if protocol not in _COMPRESSIONS:
            place = self._place(signal, "PROTOCOL", environ)
            raise SettingsError(f"{place}: OTLP over {protocol} is not supported. Use http/protobuf or grpc.")
        self.check_address(signal, environ)
        self.headers_of(signal, environ)
        self.compression_of(signal, environ)
        self.timeout_of(signal, environ)
        for name in _TLS_FILES:
            self.file_of(signal, name, environ)
        if self.encrypted(signal, environ):
            self.tls_of(signal, environ)

    def check_address(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> None:
        """Raise ``SettingsError`` for an address at which nothing can listen. Only gRPC has other forms than a URL."""
        grpc, endpoint = self.protocol_of(signal, environ) == "grpc", self.endpoint_of(signal, environ)
        place = f"{self._place(signal, 'ENDPOINT', environ)}: {self.target_of(signal, environ)}"
        fault = addresses.fault(endpoint, grpc=grpc)
        if fault:
            raise SettingsError(f"{place} {fault}")
        if "?" in endpoint and not grpc and not self._own_variable(signal, "ENDPOINT", environ):
            raise SettingsError(
                f"{place}: the address has a query, and /v1/{signal} would come after it. "
                f"Set OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT to the whole address."
            )

    def compression_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> str:
        """Return the compression. Raises ``SettingsError`` for one that the protocol lacks: exporters would not compress."""
        protocol = self.protocol_of(signal, environ)
        name = (self._variable(signal, "COMPRESSION", environ) or self.compression or "none").strip().lower()
        if name not in _COMPRESSIONS[protocol]:
            raise SettingsError(
                f"OTLP over {protocol} cannot compress with {name}. Use {' or '.join(_COMPRESSIONS[protocol])}."
            )
        return name

    def timeout_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> float:
        """Return the seconds for one export with all its tries. Raises ``SettingsError`` if it is no positive number."""
        variable, value = self._named(signal, "TIMEOUT", environ)
        try:
            milliseconds = float(plain_number(value)) if value else None
        except ValueError:
            milliseconds = 0.0
        if milliseconds is not None and not 0 < milliseconds < math.inf:
            raise SettingsError(f"{variable}: {value} is not a number of milliseconds above zero.")
        most = _LONGEST_SECONDS if self.hurried_seconds is None else self.hurried_seconds
        if milliseconds is None or milliseconds < SHORTEST_MS:
            return min(self.timeout_seconds or _TIMEOUT_SECONDS, most)
        return min(milliseconds / 1_000, most)

    def doubts(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> list[str]:
        """Return a sentence for a timeout that was probably meant otherwise, and says what is used instead."""
        variable, value = self._named(signal, "TIMEOUT", environ)
        if not value or float(value) >= SHORTEST_MS:
            return []
        used = self.timeout_of(signal, environ)
        meant = f"Were seconds meant? Then write {float(value) * 1_000:g}."
        return [f"{variable}={value} means {value} milliseconds, which is too short: {used:g} s is used. {meant}"]

    def unused_headers(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> list[str]:
        """Return a sentence for each header that is not sent as it is set."""
        place, written = self._written_headers(signal, environ)
        return [
            f"{place}: {name} is not sent from there: otel-agent sets this header itself."
            for name in sorted(written.keys() - headers.sendable(written).keys())
        ]

    def file_of(self, signal: Signal, name: TlsFile, environ: Mapping[str, str] = os.environ) -> Path | None:
        """Return a file of the TLS set-up. Raises ``SettingsError`` if it cannot be read: now, not at the first request."""
        value = self._variable(signal, name.upper(), environ)
        # A file of variables leaves a tilde as it is; a shell does not.
        path = without_tilde(Path(value)) if value else getattr(self, name)
        if path is not None:
            try:
                with path.open("rb"):
                    pass
            except OSError as error:
                place = self._place(signal, name.upper(), environ)
                raise SettingsError(f"{place}: cannot read {path}: {error.strerror}.") from None
        return path

    def tls_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> ssl.SSLContext:
        """Return the TLS set-up: whom to trust, and the client's own certificate. Raises ``SettingsError``."""
        certificate, key = (self.file_of(signal, name, environ) for name in ("client_certificate", "client_key"))
        named = self.file_of(signal, "certificate", environ)
        found = authorities.context(named, environ, place=self._place(signal, "CERTIFICATE", environ))
        if certificate is not None:
            place = self._place(signal, "CLIENT_CERTIFICATE", environ)
            authorities.add_client(found, certificate, key, place=place)
        elif key is not None:
            place = self._place(signal, "CLIENT_KEY", environ)
            raise SettingsError(f"{place}: a key is of no use without its client certificate.")
        return found

    def headers_of(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the headers that are sent, without those that otel-agent sets itself.

        Raises ``SettingsError`` for one that is malformed or that the protocol cannot send.
        """
        place, found = self._written_headers(signal, environ)
        headers.check(found, place, grpc=self.protocol_of(signal, environ) == "grpc")
        return headers.sendable(found)

    def _written_headers(self, signal: Signal, environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Return the headers as they are set, and the place of them."""
        variable, value = self._named(signal, "HEADERS", environ)
        return (variable, headers.parsed(value, variable)) if value else ("[otlp] headers", self.headers)

    def insecure(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> bool:
        """True if gRPC uses no TLS. The scheme decides; the variable only if there is none."""
        encrypted = addresses.is_encrypted(self.endpoint_of(signal, environ))
        if encrypted is not None:
            return not encrypted
        return self._variable(signal, "INSECURE", environ).strip().lower() == "true"

    def encrypted(self, signal: Signal, environ: Mapping[str, str] = os.environ) -> bool:
        """True if this signal goes over TLS."""
        if self.protocol_of(signal, environ) == "grpc":
            return not self.insecure(signal, environ)
        return bool(addresses.is_encrypted(self.endpoint_of(signal, environ)))

    def _place(self, signal: Signal, suffix: str, environ: Mapping[str, str]) -> str:
        """Return the variable or the key of the settings file that sets a value."""
        variable, value = self._named(signal, suffix, environ)
        return variable if value or getattr(self, suffix.lower()) is None else f"[otlp] {suffix.lower()}"

    def _variable(self, signal: Signal, suffix: str, environ: Mapping[str, str]) -> str:
        """Return the variable's value: the one for the signal, else the general one. An empty variable counts as not set."""
        return self._named(signal, suffix, environ)[1]

    def _named(self, signal: Signal, suffix: str, environ: Mapping[str, str]) -> tuple[str, str]:
        """Return the name and the value of the variable that counts; of the general one if none is set."""
        own = self._own_variable(signal, suffix, environ)
        if own:
            return f"{OTLP_PREFIX}{signal.upper()}_{suffix}", own
        general = f"{OTLP_PREFIX}{suffix}"
        # Files with Windows' line ends, and careless copies, leave blanks that no value begins or ends with.
        return general, "" if self._is_locked(suffix) else environ.get(general, "").strip()

    def _own_variable(self, signal: Signal, suffix: str, environ: Mapping[str, str]) -> str:
        return "" if self._is_locked(suffix) else environ.get(f"{OTLP_PREFIX}{signal.upper()}_{suffix}", "").strip()

    def _is_locked(self, suffix: str) -> bool:
        """True if no variable may change this. Whether there is TLS belongs to the address."""
        return _KEYS.get(suffix, suffix.lower()) in self.locked


_KEYS: Final = {"TIMEOUT": "timeout_seconds", "INSECURE": "endpoint"}
"""The keys of variables whose names are not the keys' own."""
_COMPRESSIONS: Final = {"http/protobuf": ("none", "gzip", "deflate"), "grpc": ("none", "gzip")}
_TLS_FILES: Final[tuple[TlsFile, ...]] = ("certificate", "client_key", "client_certificate")
_TIMEOUT_SECONDS: Final = 10.0
"""The standard's default."""
_LONGEST_SECONDS: Final = 86_400.0
"""A day. Sockets and locks refuse to wait for centuries."""
