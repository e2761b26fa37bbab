"""A real Prometheus as a child process, and promtool: those `scripts/build-prometheus` builds."""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import requests

from tests.real_parts import ROOT, absent, pinned

COLLECTOR = ROOT / "collector"
START_DEADLINE_S = 60.0
"""How long Prometheus may take until it listens. Seconds, on a slow and busy machine."""
ANSWER_DEADLINE_S = 60.0

Rows = dict[tuple[str, ...], float]
"""Values of an instant vector, by those labels that were asked for."""


def program(name: str) -> Path:
    """`prometheus` or `promtool`. Where it was not built: skips the test, and fails it in CI, which builds all parts."""
    if not (built := ROOT / ".cache" / "prometheus" / pinned("PROMETHEUS_VERSION") / name).exists():
        absent("Prometheus has not been built: run `make prometheus-build` (needs Go)")
    return built


def promtool(*arguments: str | Path) -> str:
    """What it printed; fails where it finds fault."""
    ran = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


class Prometheus:
    """Runs one Prometheus on `collector/prometheus/prometheus.yaml` while the block lasts; its data lies in `folder`."""

    def __init__(self, folder: Path, *, config: Path = COLLECTOR / "prometheus" / "prometheus.yaml") -> None:
        self._folder, self._config = folder, config
        self._log: list[str] = []
        self._listening = threading.Event()
        self.url = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def otlp(self) -> str:
        """Base URL of its OTLP receiver."""
        return f"{self.url}/api/v1/otlp"

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={self._config}",
                f"--storage.tsdb.path={self._folder / 'data'}",
                "--web.listen-address=127.0.0.1:0",
                "--web.enable-otlp-receiver",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name="prometheus log")
        self._reader.start()
        if not self._listening.wait(START_DEADLINE_S) or not self.url:
            self.__exit__(None, None, None)
            pytest.fail("Prometheus did not start; its log:\n" + "".join(self._log))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(ANSWER_DEADLINE_S)
        self._reader.join()

    def answer(self, query: str, *, at_s: float | None = None) -> list[dict[str, Any]]:
        """The rows of an instant query, as of `at_s` (Unix seconds; now)."""
        return self._get("query", {"query": query} | ({} if at_s is None else {"time": f"{at_s:.3f}"}))

    def over(self, query: str, *, start_s: float, end_s: float, step_s: float) -> list[dict[str, Any]]:
        """The rows of a range query."""
        bounds = {"start": f"{start_s:.3f}", "end": f"{end_s:.3f}", "step": f"{step_s:g}"}
        return self._get("query_range", {"query": query} | bounds)

    def rows(self, query: str, *labels: str, at_s: float | None = None) -> Rows:
        return {
            tuple(row["metric"].get(label, "") for label in labels): float(row["value"][1])
            for row in self.answer(query, at_s=at_s)
        }

    def _get(self, what: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
        reply = requests.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=ANSWER_DEADLINE_S)
        assert reply.status_code == 200, f"{parameters['query']}: {reply.text}"
        found: list[dict[str, Any]] = reply.json()["data"]["result"]
        return found

    def _read(self) -> None:
        assert self._process.stderr is not None
        is_ready = False
        with self._process.stderr as lines:
            for line in lines:
                self._log.append(line)
                if "Listening on" in line and (address := re.search(r"address=(\S+)", line)):
                    self.url = f"http://{address[1]}"
                is_ready = is_ready or "Server is ready to receive web requests" in line
                if is_ready and self.url:  # either may be said first
                    self._listening.set()
        self._listening.set()
