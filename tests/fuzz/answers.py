"""Answers of backends, and of what answers in their place, to a request over HTTP."""

from __future__ import annotations

import io
from typing import Any

import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_agent.delivery.strict_http import StrictSession

ANYWHERE = "http://backend.invalid/v1/traces"


class _Canned(requests.adapters.BaseAdapter):
    """Answers each request with the same bytes: a line with status and type of content, and the body."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self._raw = raw

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        del args, kwargs
        head, _, body = self._raw.partition(b"\n")
        status, _, kind = head.decode("latin-1").partition(" ")
        answer = requests.Response()
        answer.status_code = int(status) if status.isdecimal() and status.isascii() and len(status) == 3 else 200
        answer.reason = "Made"
        answer.headers["content-type"] = kind
        answer.raw = io.BytesIO(body)
        answer.url, answer.request = request.url or "", request
        return answer

    def close(self) -> None:
        """Do nothing: there is no connection."""


def is_judged(raw: bytes) -> None:
    """Claim that any answer is a yes or a no with a reason that a terminal can show, and never another exception."""
    for response in (ExportTraceServiceResponse, ExportMetricsServiceResponse):
        with StrictSession(response) as session:
            session.mount("http://", _Canned(raw))
            raised = False
            try:
                session.request("POST", ANYWHERE, data=b"", timeout=60)
            except requests.RequestException:
                raised = True
            last = session.last
        assert not (last.accepted and raised)
        assert last.accepted or last.reason
        assert not (last.accepted and (last.permanent or last.unanswered))
        assert last.rejected >= 0
        assert bool(last.rejected) <= last.accepted
        assert last.reason.isprintable()
        assert len(last.reason) <= 400
