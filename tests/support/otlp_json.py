"""Reads the OTLP/JSON lines of file exporters into the rows that the receiver makes of protobuf."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.otlp_receiver.rows import PointRow, SpanRow, point_rows, span_rows

IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def points(file: Path) -> list[PointRow]:
    """Return every data point of a metrics file, in order. There are none if the file does not exist."""
    return [
        row for line in lines(file) for row in point_rows(ParseDict(_proto_json(line), ExportMetricsServiceRequest()))
    ]


def spans(file: Path) -> list[SpanRow]:
    """Return every span of a traces file, in order. There are none if the file does not exist."""
    return [row for line in lines(file) for row in span_rows(ParseDict(_proto_json(line), ExportTraceServiceRequest()))]


def lines(file: Path) -> list[str]:
    """Return the requests of a file, undecoded. Raises AssertionError if the last line is unfinished."""
    if not file.exists():
        return []
    text = file.read_text(encoding="utf-8")
    assert not text or text.endswith("\n"), f"{file.name} ends in the middle of a line"
    return text.splitlines()


def _proto_json(line: str) -> dict[str, Any]:
    """Decode a line as protobuf's JSON, which has ids in base64. OTLP/JSON has them in hex; the rest is the same."""

    def with_base64_ids(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key: base64.b64encode(bytes.fromhex(value)).decode() if key in IDS else value for key, value in pairs}

    decoded: dict[str, Any] = json.loads(line, object_pairs_hook=with_base64_ids)
    return decoded
