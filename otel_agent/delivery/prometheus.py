"""Asks a Prometheus, or what speaks its API, one question."""

import json
import math
import time
from typing import Any, Final

import requests
from urllib3.exceptions import HTTPError

from otel_agent.delivery import proxies
from otel_agent.delivery.addresses import without_secrets
from otel_agent.delivery.exchange import BrokenOff, Exchange
from otel_agent.delivery.foreign_text import one_line
from otel_agent.errors import NothingToVerify

_LONGEST_ANSWER: Final = 64 * 1024 * 1024
"""Bytes; the series of one agent take less than a megabyte."""

Sample = tuple[dict[str, str], float]
"""The labels of a row, and its value."""


def ask(url: str, query: str, *, timeout_seconds: float) -> list[Sample]:
    """Return the rows of an instant query. Raises ``NothingToVerify`` if there is no answer or none of Prometheus."""
    address, shown = f"{url.rstrip('/')}/api/v1/query", without_secrets(url)

    def asked() -> tuple[int, bytes]:
        answer = requests.post(
            address, data={"query": query}, timeout=timeout_seconds, allow_redirects=False, stream=True
        )
        with answer:
            return answer.status_code, answer.raw.read(_LONGEST_ANSWER, decode_content=True)

    try:
        status, body = Exchange(time.monotonic() + timeout_seconds).run(asked)
    except (requests.Timeout, BrokenOff):
        raise NothingToVerify(f"--prometheus {shown}: no answer within {timeout_seconds:g} s.") from None
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise NothingToVerify(f"--prometheus {shown}: {_failure(address, error)}") from None
    return _samples(shown, status, _decoded(body))


def _failure(address: str, error: Exception) -> str:
    """Return why there was no answer, and what to do, as a sentence or two."""
    no_address = (
        requests.exceptions.MissingSchema,
        requests.exceptions.InvalidSchema,
        requests.exceptions.InvalidURL,
    )
    if isinstance(error, requests.exceptions.InvalidProxyURL) or proxies.is_unusable(address):
        return "the address of the proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY cannot be used."
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy did not connect. Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, or name it in NO_PROXY."
    if isinstance(error, no_address):
        return "no address such as http://localhost:9090."
    return f"cannot be reached ({type(error).__name__}). Check the address."


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _samples(shown: str, status: int, content: Any) -> list[Sample]:
    if not isinstance(content, dict) or content.get("status") not in ("success", "error"):
        raise NothingToVerify(
            f"--prometheus {shown}: HTTP {status}, and no answer of Prometheus. Name its base address."
        )
    if content["status"] == "error":
        raise NothingToVerify(f"--prometheus {shown}: {one_line(str(content.get('error')))}")
    try:
        found = [
            ({str(key): str(value) for key, value in row["metric"].items()}, float(row["value"][1]))
            for row in content["data"]["result"]
        ]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):  # others say "success", too
        raise NothingToVerify(f"--prometheus {shown}: no answer of Prometheus. Name its base address.") from None
    if not all(math.isfinite(value) for _, value in found):
        raise NothingToVerify(f"--prometheus {shown}: its answer has a value that is no number.")
    return found
