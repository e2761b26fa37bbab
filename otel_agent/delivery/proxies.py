"""The proxy through which a request goes, by the variables that every program reads (``HTTPS_PROXY``, ``NO_PROXY``, …)."""

from typing import Final
from urllib.parse import urlsplit

import requests

from otel_agent.delivery import addresses
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.errors import SettingsError
from otel_agent.semconv import Signal

_PORTS: Final = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}


def proxy_of(options: OtlpOptions, signal: Signal) -> str | None:
    """Return the proxy's address, ``None`` if the request goes straight to the backend, or has nowhere to go.

    Over gRPC nothing is said of proxies: gRPC reads the same variables by rules of its own.
    """
    if options.protocol_of(signal) == "grpc":
        return None
    return _chosen(options.url_of(signal))


def is_unusable(url: str) -> bool:
    """Return true if a request to this address would go through a proxy, and none can be at the proxy's address."""
    proxy = _chosen(url)
    try:
        return proxy is not None and not host_and_port(proxy)
    except SettingsError:
        return True


def _chosen(url: str) -> str | None:
    try:
        return requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    except ValueError:  # half of an IPv6 address, which is said elsewhere
        return None


def host_and_port(proxy: str) -> tuple[str, int]:
    """Return where the proxy listens. Raises ``SettingsError`` for an address at which none can."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
        usable = parts.scheme in _PORTS
    except ValueError:
        host, port, usable = None, None, False
    if not host or not port or not usable:
        raise SettingsError(
            f"HTTPS_PROXY, HTTP_PROXY or ALL_PROXY: {shown(proxy)} is no address of a proxy such as http://proxy:3128."
        )
    return host, port


def shown(proxy: str) -> str:
    """Return the host and the port as they are written."""
    return addresses.without_secrets(proxy).rpartition("://")[2].partition("/")[0] or "?"
