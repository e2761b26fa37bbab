"""The real Prometheus, and promtool."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from tests.support.real_programs import COLLECTOR, require
from tests.support.real_programs.program import Program

ANSWER_DEADLINE_S = 60.0

Rows = dict[tuple[str, ...], float]
"""The values of an instant vector, by the values of the requested labels."""


def program(name: str) -> Path:
    """Return the path of `prometheus` or `promtool`. Skip the test if it is not there."""
    return require("prometheus") / name


def promtool(*arguments: str | Path) -> str:
    """Run promtool and return what it printed. Raises AssertionError if it reports an error."""
    ran = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


class Prometheus(Program):
    """One Prometheus with `collector/prometheus/prometheus.yaml`. Its data is in `folder`."""

    def __init__(self, folder: Path, *, config: Path = COLLECTOR / "prometheus" / "prometheus.yaml") -> None:
        super().__init__(folder)
        self._binary, self._config = program("prometheus"), config
        self._is_serving = False
        self.url = ""

    @property
    def otlp(self) -> str:
        """Return the base URL of its OTLP receiver."""
        return f"{self.url}/api/v1/otlp"

    def command(self) -> Sequence[str | Path]:
        """Return the command line, with any free port."""
        return [
            self._binary,
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            "--web.listen-address=127.0.0.1:0",
            "--web.enable-otlp-receiver",
            # A rule can fire before Prometheus knows an Alertmanager. By default it tells the next one a minute later.
            "--rules.alert.resend-delay=1s",
        ]

    def is_ready(self, line: str) -> bool:
        """True once it both listens and serves. One line says at which address."""
        if "Listening on" in line and (address := re.search(r"address=(\S+)", line)):
            self.url = f"http://{address[1]}"
        self._is_serving = self._is_serving or "Server is ready to receive web requests" in line
        return self._is_serving and bool(self.url)  # the two lines come in any order

    def answer(self, query: str, *, at_s: float | None = None) -> list[dict[str, Any]]:
        """Return the rows of an instant query at `at_s` (Unix seconds; the default is now)."""
        return self._get("query", {"query": query} | ({} if at_s is None else {"time": f"{at_s:.3f}"}))

    def over(self, query: str, *, start_s: float, end_s: float, step_s: float) -> list[dict[str, Any]]:
        """Return the rows of a range query."""
        bounds = {"start": f"{start_s:.3f}", "end": f"{end_s:.3f}", "step": f"{step_s:g}"}
        return self._get("query_range", {"query": query} | bounds)

    def rows(self, query: str, *labels: str, at_s: float | None = None) -> Rows:
        """Return the values of an instant query, by the values of `labels`. A missing label is ""."""
        return {
            tuple(row["metric"].get(label, "") for label in labels): float(row["value"][1])
            for row in self.answer(query, at_s=at_s)
        }

    def _get(self, what: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
        reply = requests.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=ANSWER_DEADLINE_S)
        assert reply.status_code == 200, f"{parameters['query']}: {reply.text}"
        found: list[dict[str, Any]] = reply.json()["data"]["result"]
        return found
