"""OTLP requests as JSON, for tests that need no agent; a metric or a span is what OTLP's JSON says it is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import requests

Document = dict[str, Any]


def metrics_request(metrics: Iterable[Document], **resource: str) -> Document:
    return {
        "resourceMetrics": [
            {"resource": {"attributes": attributes(resource)}, "scopeMetrics": [{"metrics": list(metrics)}]}
        ]
    }


def traces_request(spans: Iterable[Document], **resource: str) -> Document:
    return {
        "resourceSpans": [{"resource": {"attributes": attributes(resource)}, "scopeSpans": [{"spans": list(spans)}]}]
    }


def gauge(name: str, *, at_ns: int | None = None) -> Document:
    """Of one point, of now if not of another time."""
    point = {"asInt": 1, "timeUnixNano": str(time.time_ns() if at_ns is None else at_ns)}
    return {"name": name, "gauge": {"dataPoints": [point]}}


def span(name: str) -> Document:
    return {"name": name, "traceId": "1" * 32, "spanId": "1" * 16}


def attributes(of: Mapping[str, str]) -> list[Document]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in of.items()]


def send(endpoint: str, request: Document) -> None:
    """To the path that its kind has; it has to be taken."""
    path = "traces" if "resourceSpans" in request else "metrics"
    requests.post(f"{endpoint}/v1/{path}", json=request, timeout=30).raise_for_status()


def send_one_of_each(endpoint: str) -> None:
    """So that a Collector has something to say of points and of spans."""
    send(endpoint, metrics_request([gauge("x")]))
    send(endpoint, traces_request([span("x")]))
