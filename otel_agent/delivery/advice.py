"""Advice for a person whose backend does not accept what is sent."""


def advice(reason: str) -> str:
    """Return one sentence or two of advice for the ``reason`` of a ``SendResult``."""
    if any(sign in reason for sign in ("401", "403", "UNAUTHENTICATED", "PERMISSION_DENIED")):
        return "Check the key in OTEL_EXPORTER_OTLP_HEADERS."
    if "proxy" in reason:
        return "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, or name the backend in NO_PROXY."
    if "TLS" in reason:
        return "Check OTEL_EXPORTER_OTLP_CERTIFICATE, and whether the address should begin with https:// or http://."
    if any(sign in reason for sign in ("404", "405", "UNIMPLEMENTED")):
        return "Check the path in OTEL_EXPORTER_OTLP_ENDPOINT (/v1/traces and /v1/metrics are added to it), and the protocol."
    if any(sign in reason for sign in ("portal", "acknowledgement")):
        return "What answers there is no OTLP endpoint: check OTEL_EXPORTER_OTLP_ENDPOINT, and the proxy."
    if any(sign in reason for sign in ("No space", "File too large", "Permission denied")):
        return "Check the folder that `file_dir` names."
    return (
        "Start an OpenTelemetry Collector with an OTLP receiver, or set OTEL_EXPORTER_OTLP_ENDPOINT to yours; "
        "`otel-agent demo` shows what would be sent."
    )
