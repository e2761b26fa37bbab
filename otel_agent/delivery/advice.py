"""Advice for a person whose backend does not accept what is sent."""

import re
from typing import Final

_DEFAULT: Final = (
    "What answers there may be no OTLP receiver: check OTEL_EXPORTER_OTLP_ENDPOINT, or point it at an OpenTelemetry "
    "Collector."
)
_NOBODY: Final = (
    "Start an OpenTelemetry Collector with an OTLP receiver, or set OTEL_EXPORTER_OTLP_ENDPOINT to yours; "
    "`otel-agent demo` shows what would be sent."
)
_SIZE: Final = (
    "The backend accepts only smaller requests. They are sent in halves; raise its limit for the size of a request."
)
_KEY: Final = "Check the key in OTEL_EXPORTER_OTLP_HEADERS. `otel-agent setup` takes a new one."
_NO_ROOM: Final = "The backend has no room for more at the moment; it is asked again later. Check its quota."
_PATH: Final = (
    "Check the path in OTEL_EXPORTER_OTLP_ENDPOINT (/v1/traces and /v1/metrics are added to it), and the protocol."
)
_PROXY: Final = "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, or name the backend in NO_PROXY."
_NO_BACKEND: Final = "What answers there is no OTLP endpoint: check OTEL_EXPORTER_OTLP_ENDPOINT, and the proxy."
_OTHER_ANSWER: Final = f"{_NO_BACKEND} If it is yours and means yes so, set `accept_any_2xx = true`."
_SLOW: Final = "The backend is slow or hangs: look into its log. It is asked again later."
_FAILS: Final = "The backend, a Collector or a gateway before it fails: look into its log. It is asked again later."
_BY_STATUS: Final = {
    401: _KEY,
    403: _KEY,
    404: _PATH,
    405: _PATH,
    407: _PROXY,
    413: _SIZE,
    429: _NO_ROOM,
    431: "The headers are too long for the backend: check OTEL_EXPORTER_OTLP_HEADERS.",
}
_BY_CODE: Final = {
    "UNAUTHENTICATED": _KEY,
    "PERMISSION_DENIED": _KEY,
    "RESOURCE_EXHAUSTED": _NO_ROOM,
    "UNIMPLEMENTED": _PATH,
    "DEADLINE_EXCEEDED": _SLOW,
    "UNAVAILABLE": _NOBODY,
    "INTERNAL": _FAILS,
    "UNKNOWN": _FAILS,
    "OK": _NO_BACKEND,
}
_STATUS: Final = re.compile(r"HTTP ([0-9]{3})\b")
_CODE: Final = re.compile(r"gRPC ([A-Z_]+)\b( \(the request is too large\))?")
"""How ``retry`` begins a reason. What follows are words of the backend, and a pause in seconds: they decide nothing."""
_BY_SIGNS: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (
        ("cannot be written as OTLP",),
        "Something in OpenCode's storage is at fault, not the backend. `otel-agent doctor` looks for more of that.",
    ),
    (("broken off", "nothing was sent"), "The agent was stopped; the next start sends it."),
    ((": standard output",), "Whatever reads the exporter console has ended or is full: start it again."),
    ((": the export file",), "Check the folder that `file_dir` names."),
    (("refused", "nothing answers there"), _NOBODY),
    (("unreachable", "No route"), "Check this machine's network, and whether the backend needs a VPN or a proxy."),
    (
        ("client certificate",),
        "Set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY to those that the backend gave you.",
    ),
    (("proxy",), _PROXY),
    (
        ("TLS",),
        "Check OTEL_EXPORTER_OTLP_CERTIFICATE, and whether the address should begin with https:// or http://.",
    ),
    (
        ("does not speak HTTP",),
        "Port 4317 is usually for gRPC (OTEL_EXPORTER_OTLP_PROTOCOL=grpc), and port 4318 for HTTP.",
    ),
    (("name of the backend",), "Check the name in OTEL_EXPORTER_OTLP_ENDPOINT, and the network."),
    (("portal", "acknowledgement"), _OTHER_ANSWER),
    (("in time",), _SLOW),
)
"""For the reasons of our own: the first entry with a sign that is in the reason counts."""


def advice(reason: str) -> str:
    """Return one sentence or two of advice for the ``reason`` of a ``SendResult``."""
    if status := _STATUS.match(reason):
        return _of_status(int(status[1]))
    if code := _CODE.match(reason):
        return _SIZE if code[2] else _BY_CODE.get(code[1], _DEFAULT)
    return next((words for signs, words in _BY_SIGNS if any(sign in reason for sign in signs)), _DEFAULT)


def _of_status(status: int) -> str:
    if status < 400:
        return _NO_BACKEND
    return _BY_STATUS.get(status, _FAILS if status >= 500 else _DEFAULT)
