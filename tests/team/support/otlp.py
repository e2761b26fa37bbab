"""OTLP requests as JSON, for tests that need no agent."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import requests

Document = dict[str, Any]
"""A metric, a span or a request, as OTLP's JSON has it."""


def metrics_request(metrics: Iterable[Document], **resource: str) -> Document:
    """Return a request with these metrics of one resource. Names with dots go through `**{"host.name": …}`."""
    return {
        "resourceMetrics": [
            {"resource": {"attributes": attributes(resource)}, "scopeMetrics": [{"metrics": list(metrics)}]}
        ]
    }


def traces_request(spans: Iterable[Document], **resource: str) -> Document:
    """Return a request with these spans of one resource."""
    return {
        "resourceSpans": [{"resource": {"attributes": attributes(resource)}, "scopeSpans": [{"spans": list(spans)}]}]
    }


def gauge(name: str, *, at_ns: int | None = None) -> Document:
    """Return a gauge with one point of value 1. Its time is now, or `at_ns` (Unix nanoseconds)."""
    point = {"asInt": 1, "timeUnixNano": str(time.time_ns() if at_ns is None else at_ns)}
    return {"name": name, "gauge": {"dataPoints": [point]}}


def span(name: str) -> Document:
    """Return a span; all have the same ids."""
    return {"name": name, "traceId": "1" * 32, "spanId": "1" * 16}


def attributes(of: Mapping[str, str]) -> list[Document]:
    """Return attributes with texts as values."""
    return [{"key": name, "value": {"stringValue": value}} for name, value in of.items()]


def send(endpoint: str, request: Document) -> None:
    """Send a request to the path of its signal. Fails if it is not accepted."""
    path = "traces" if "resourceSpans" in request else "metrics"
    requests.post(f"{endpoint}/v1/{path}", json=request, timeout=30).raise_for_status()


def send_one_of_each(endpoint: str) -> None:
    """Send a point and a span, so that a Collector has counters of both."""
    send(endpoint, metrics_request([gauge("x")]))
    send(endpoint, traces_request([span("x")]))
