"""The real OpenTelemetry Collector: the one of `collector/builder.yaml`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.support import otlp_json
from tests.support.otlp_receiver.rows import PointRow, SpanRow
from tests.support.real_programs import require
from tests.support.real_programs.program import Program

READY = "Everything is ready. Begin running and processing data."
ENDPOINTS = {"Starting HTTP server": "http", "Starting GRPC server": "grpc"}
"""Log messages that carry the address a receiver really got, where the configuration asked for port 0."""

OTLP_TO_FILES = """
receivers:
  otlp:
    protocols:
      http: {{endpoint: "127.0.0.1:{http_port}"}}
      grpc: {{endpoint: "127.0.0.1:0"}}
exporters:
  # Written out when it is closed, and not by a timer too, which could be at it just then and leave half a line.
  file/metrics: {{path: metrics.jsonl, flush_interval: 1h}}
  file/traces: {{path: traces.jsonl, flush_interval: 1h}}
service:
  telemetry:
    logs: {{encoding: json}}
    metrics: {{level: none}}
  pipelines:
    metrics: {{receivers: [otlp], exporters: [file/metrics]}}
    traces: {{receivers: [otlp], exporters: [file/traces]}}
"""


def require_collector() -> Path:
    """Return the Collector that today's manifest describes. Skip the test if it is not there."""
    return require("collector") / "otelcol-agent"


def otlp_to_files(*, http_port: int = 0) -> str:
    """A configuration: OTLP in over HTTP and gRPC, `metrics.jsonl` and `traces.jsonl` out. Port 0: any free one."""
    return OTLP_TO_FILES.format(http_port=http_port)


class Collector(Program):
    """One Collector.

    `config`: a configuration as text, or files laid over each other; `variables` are for `${env:…}` in it. It must log as
    JSON, as `otlp_to_files` does: readiness and addresses are read from the log. Output files are relative to `folder`
    and whole only after `stop`, which leaving the block calls.
    """

    def __init__(self, config: str | Sequence[Path], folder: Path, **variables: str) -> None:
        super().__init__(folder, **variables)
        self._binary = require_collector()
        self._config = config
        self._addresses: dict[str, str] = {}

    @property
    def endpoint(self) -> str:
        """Base URL of the OTLP/HTTP receiver."""
        return f"http://{self._addresses['http']}"

    @property
    def tls_endpoint(self) -> str:
        return f"https://{self._addresses['http']}"

    @property
    def grpc_endpoint(self) -> str:
        return f"http://{self._addresses['grpc']}"

    @property
    def http_port(self) -> int:
        return int(self._addresses["http"].rpartition(":")[2])

    def points(self) -> list[PointRow]:
        """What its file exporter wrote to metrics.jsonl."""
        return otlp_json.points(self._folder / "metrics.jsonl")

    def spans(self) -> list[SpanRow]:
        """What its file exporter wrote to traces.jsonl."""
        return otlp_json.spans(self._folder / "traces.jsonl")

    def command(self) -> Sequence[str | Path]:
        return [self._binary, *(f"--config={path}" for path in self._files())]

    def is_ready(self, line: str) -> bool:
        if not line.startswith("{"):  # a configuration it refuses is reported as plain text
            return False
        entry = json.loads(line)
        if protocol := ENDPOINTS.get(entry["msg"]):
            self._addresses[protocol] = entry["endpoint"]
        return bool(entry["msg"] == READY)

    def _files(self) -> Sequence[Path]:
        if not isinstance(self._config, str):
            return self._config
        path = self._folder / "config.yaml"
        path.write_text(self._config, encoding="utf-8")
        return [path]
