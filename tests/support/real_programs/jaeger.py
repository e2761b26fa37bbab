"""The real Jaeger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from tests.support.real_programs import COLLECTOR, require
from tests.support.real_programs.collector import READY
from tests.support.real_programs.program import Program, free_ports

CONFIG = COLLECTOR / "jaeger" / "jaeger.yaml"
SERVICE = "otel-agent"


class Jaeger(Program):
    """One Jaeger with `collector/jaeger/jaeger.yaml`. Its spans are in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._binary = require("jaeger") / "jaeger"
        otlp, query, grpc = (f"127.0.0.1:{port}" for port in free_ports(3))
        super().__init__(
            folder,
            OTLP_HTTP_LISTEN=otlp,
            QUERY_LISTEN=query,
            QUERY_GRPC_LISTEN=grpc,
            OTEL_TRACES_SAMPLER="always_off",  # or it sends traces of itself to port 4317, where somebody may listen
        )
        self.otlp, self.url = f"http://{otlp}", f"http://{query}"

    def command(self) -> Sequence[str | Path]:
        """Return the command line, with our configuration."""
        return [self._binary, f"--config={CONFIG}"]

    def is_ready(self, line: str) -> bool:
        """True for the line that ends the start."""
        return READY in line

    def traces(self, *, service: str = SERVICE, tags: dict[str, str] | None = None) -> list[dict[str, Any]]:
        """Return the traces with a span that has all `tags`, each complete. Grafana's data source asks the same way."""
        asked = {"service": service, "tags": json.dumps(tags or {}), "limit": "1000", "lookback": "custom"}
        reply = requests.get(f"{self.url}/api/traces", params=asked | _ALL_TIMES, timeout=60)
        assert reply.status_code == 200, reply.text
        found: list[dict[str, Any]] = reply.json()["data"] or []
        return found

    def spans(self, tags: dict[str, str]) -> list[dict[str, Any]]:
        """Return the spans of all traces that have all `tags`."""
        return [span for trace in self.traces() for span in trace["spans"] if tags.items() <= tags_of(span).items()]


_ALL_TIMES = {"start": "0", "end": str(4_102_444_800_000_000)}
"""The range from 1970 to 2100. Unix microseconds."""


def tags_of(span: dict[str, Any]) -> dict[str, Any]:
    """Return a span's tags, by key."""
    return {tag["key"]: tag["value"] for tag in span["tags"]}
