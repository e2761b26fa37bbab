"""Advice for a person whose backend does not accept what is sent."""

from typing import Final

_DEFAULT: Final = (
    "What answers there may be no OTLP receiver: check OTEL_EXPORTER_OTLP_ENDPOINT, or point it at an OpenTelemetry "
    "Collector."
)
_NOBODY: Final = (
    "Start an OpenTelemetry Collector with an OTLP receiver, or set OTEL_EXPORTER_OTLP_ENDPOINT to yours; "
    "`otel-agent demo` shows what would be sent."
)
_BY_SIGNS: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (
        ("cannot be written as OTLP",),
        "Something in OpenCode's storage is at fault, not the backend. `otel-agent doctor` looks for more of that.",
    ),
    (("broken off", "nothing was sent"), "The agent was stopped; the next start sends it."),
    (("refused", "nothing answers there"), _NOBODY),
    (("unreachable", "No route"), "Check this machine's network, and whether the backend needs a VPN or a proxy."),
    (
        ("client certificate",),
        "Set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY to those that the backend gave you.",
    ),
    (
        ("413", "is too large"),
        "The backend accepts only smaller requests. They are sent in halves; raise its limit for the size of a request.",
    ),
    (
        ("401", "403", "UNAUTHENTICATED", "PERMISSION_DENIED"),
        "Check the key in OTEL_EXPORTER_OTLP_HEADERS. `otel-agent setup` takes a new one.",
    ),
    (("431",), "The headers are too long for the backend: check OTEL_EXPORTER_OTLP_HEADERS."),
    (
        ("429", "RESOURCE_EXHAUSTED"),
        "The backend has no room for more at the moment; it is asked again later. Check its quota.",
    ),
    (("proxy", "407"), "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, or name the backend in NO_PROXY."),
    (
        ("TLS",),
        "Check OTEL_EXPORTER_OTLP_CERTIFICATE, and whether the address should begin with https:// or http://.",
    ),
    (
        ("404", "405", "UNIMPLEMENTED"),
        "Check the path in OTEL_EXPORTER_OTLP_ENDPOINT (/v1/traces and /v1/metrics are added to it), and the protocol.",
    ),
    (
        ("does not speak HTTP",),
        "Port 4317 is usually for gRPC (OTEL_EXPORTER_OTLP_PROTOCOL=grpc), and port 4318 for HTTP.",
    ),
    (("name of the backend",), "Check the name in OTEL_EXPORTER_OTLP_ENDPOINT, and the network."),
    (
        ("portal", "acknowledgement"),
        "What answers there is no OTLP endpoint: check OTEL_EXPORTER_OTLP_ENDPOINT, and the proxy.",
    ),
    (("No space", "File too large", "Permission denied"), "Check the folder that `file_dir` names."),
    (
        ("in time", "DEADLINE_EXCEEDED"),
        "The backend is slow or hangs: look into its log. It is asked again later.",
    ),
    (("UNAVAILABLE",), _NOBODY),
    (
        ("HTTP 5", "INTERNAL", "UNKNOWN"),
        "The backend, a Collector or a gateway before it fails: look into its log. It is asked again later.",
    ),
)
"""The first entry with a sign that is in the reason counts."""


def advice(reason: str) -> str:
    """Return one sentence or two of advice for the ``reason`` of a ``SendResult``."""
    return next((words for signs, words in _BY_SIGNS if any(sign in reason for sign in signs)), _DEFAULT)
