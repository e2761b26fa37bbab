"""The real OpenTelemetry Collector that `collector/builder.yaml` describes."""

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
"""Log messages that carry a receiver's real address. The configuration may have asked for port 0."""

OTLP_TO_FILES = """
receivers:
  otlp:
    protocols:
      http: {{endpoint: "127.0.0.1:{http_port}"}}
      grpc: {{endpoint: "127.0.0.1:0"}}
exporters:
  # They are written when they are closed, and not by a timer: it could run at that moment too and leave half a line.
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
    """Return a configuration that writes OTLP to `metrics.jsonl` and `traces.jsonl`. Port 0 is any free one."""
    return OTLP_TO_FILES.format(http_port=http_port)


class Collector(Program):
    """One Collector, with its output files in `folder`. They are complete after `stop`, which ends the block.

    `config` is a configuration as text, or files that are merged in this order. `variables` are for `${env:…}` in it.
    It must log as JSON, as `otlp_to_files` does, because readiness and addresses are read from the log.
    """

    def __init__(self, config: str | Sequence[Path], folder: Path, **variables: str) -> None:
        super().__init__(folder, **variables)
        self._binary = require_collector()
        self._config = config
        self._addresses: dict[str, str] = {}

    @property
    def endpoint(self) -> str:
        """Return the base URL of the OTLP/HTTP receiver."""
        return f"http://{self._addresses['http']}"

    @property
    def tls_endpoint(self) -> str:
        """Return the base URL of the OTLP/HTTP receiver, if it speaks TLS."""
        return f"https://{self._addresses['http']}"

    @property
    def grpc_endpoint(self) -> str:
        """Return the URL of the OTLP/gRPC receiver."""
        return f"http://{self._addresses['grpc']}"

    @property
    def http_port(self) -> int:
        """Return the port of the OTLP/HTTP receiver."""
        return int(self._addresses["http"].rpartition(":")[2])

    def points(self) -> list[PointRow]:
        """Return the points that its file exporter wrote to metrics.jsonl."""
        return otlp_json.points(self._folder / "metrics.jsonl")

    def spans(self) -> list[SpanRow]:
        """Return the spans that its file exporter wrote to traces.jsonl."""
        return otlp_json.spans(self._folder / "traces.jsonl")

    def command(self) -> Sequence[str | Path]:
        """Return the command line, with all files of the configuration."""
        return [self._binary, *(f"--config={path}" for path in self._files())]

    def is_ready(self, line: str) -> bool:
        """True for the line that ends the start. Lines before it name the addresses."""
        if not line.startswith("{"):  # it reports an invalid configuration as plain text
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
