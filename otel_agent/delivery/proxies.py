"""The proxy through which a request goes, by the variables that every program reads (``HTTPS_PROXY``, ``NO_PROXY``, …)."""

from urllib.parse import urlsplit

import requests

from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.semconv import Signal


def proxy_of(options: OtlpOptions, signal: Signal) -> str | None:
    """Return the proxy's address, ``None`` if the request goes straight to the backend.

    Over gRPC nothing is said of proxies: gRPC reads the same variables by rules of its own.
    """
    if options.protocol_of(signal) == "grpc":
        return None
    url = options.url_of(signal)
    return requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))


def shown(proxy: str) -> str:
    """Return the address without the user and the password."""
    parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
    return f"{parts.hostname or proxy}:{parts.port}" if parts.port else parts.hostname or "?"
