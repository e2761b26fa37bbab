"""A real OpenTelemetry Collector as a child process: the one `scripts/build-collector` builds."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, NoReturn, Self

import pytest

from tests import otlp_json
from tests.otlp_receiver.rows import PointRow, SpanRow
from tests.real_parts import absent

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "collector" / "builder.yaml"
START_DEADLINE_S = 30.0
"""How long the Collector may take until it takes requests. Seconds, on a slow and busy machine."""
STOP_DEADLINE_S = 15.0
"""How long it may take to write out what it holds after SIGTERM. Seconds."""

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


def binary() -> Path:
    """Where scripts/build-collector puts the Collector of today's manifest; it need not be there."""
    digest = hashlib.sha256(MANIFEST.read_bytes()).hexdigest()
    return ROOT / ".cache" / "collector" / digest / "otelcol-agent"


def require_collector() -> Path:
    """The binary. Where it was not built: skips the test, and fails it in CI, which builds all real parts."""
    if not (built := binary()).exists():
        absent("no Collector has been built for collector/builder.yaml: run `make collector-build` (needs Go)")
    return built


def otlp_to_files(*, http_port: int = 0) -> str:
    """A configuration: OTLP in over HTTP and gRPC, `metrics.jsonl` and `traces.jsonl` out. Port 0: any free one."""
    return OTLP_TO_FILES.format(http_port=http_port)


class Collector:
    """Runs one Collector in `folder` while the block lasts.

    `config`: a configuration as text, or files laid over each other; `variables` are for `${env:…}` in it. It must log as
    JSON, as `otlp_to_files` does: readiness and addresses are read from the log. Output files are relative to `folder`
    and whole only after `stop`, which leaving the block calls.
    """

    def __init__(self, config: str | Sequence[Path], folder: Path, **variables: str) -> None:
        self._binary = require_collector()
        self._config = config
        self._folder = folder
        self._variables = variables
        self._is_killed = False
        self._log: list[str] = []
        self._entries: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
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
    def pid(self) -> int:
        return self._process.pid

    @property
    def http_port(self) -> int:
        return int(self._addresses["http"].rpartition(":")[2])

    @property
    def log(self) -> str:
        """What it logged so far, one JSON object a line."""
        return "\n".join(self._log)

    def points(self) -> list[PointRow]:
        """What its file exporter wrote to metrics.jsonl."""
        return otlp_json.points(self._folder / "metrics.jsonl")

    def spans(self) -> list[SpanRow]:
        """What its file exporter wrote to traces.jsonl."""
        return otlp_json.spans(self._folder / "traces.jsonl")

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [self._binary, *(f"--config={path}" for path in self._files())],
            cwd=self._folder,
            env=os.environ | self._variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read_log, name="collector log")
        self._reader.start()
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def kill(self) -> None:
        """As a crash does: nothing of what it holds in memory is written."""
        self._is_killed = True
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ends it the way a service manager does. Fails where it does not end by itself in time; then kills it."""
        if not self._is_killed:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self._fail(f"did not stop within {STOP_DEADLINE_S:.0f} s of SIGTERM")
        finally:
            self._reader.join()

    def _files(self) -> Sequence[Path]:
        if not isinstance(self._config, str):
            return self._config
        path = self._folder / "config.yaml"
        path.write_text(self._config, encoding="utf-8")
        return [path]

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self._log.append(line.rstrip())
                if line.startswith("{"):  # a configuration it refuses is reported as plain text
                    self._entries.put(json.loads(line))
        self._entries.put(None)

    def _wait_until_ready(self) -> None:
        give_up = monotonic() + START_DEADLINE_S
        while entry := self._next_entry(give_up):
            message = entry["msg"]
            if protocol := ENDPOINTS.get(message):
                self._addresses[protocol] = entry["endpoint"]
            if message == READY:
                return
        self._fail("ended instead of starting")

    def _next_entry(self, give_up: float) -> Mapping[str, Any] | None:
        """The next log entry; None at the end of the log."""
        try:
            return self._entries.get(timeout=max(0.0, give_up - monotonic()))
        except queue.Empty:
            self._fail(f"was not ready within {START_DEADLINE_S:.0f} s")

    def _fail(self, what: str) -> NoReturn:
        pytest.fail(f"the Collector {what}; its log:\n{self.log}")
