"""A Prometheus whose past can be recorded anew, and `collector/prometheus/record-again`, which does it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import requests

from tests.real_parts import COLLECTOR
from tests.real_parts.prometheus import Prometheus, program
from tests.team.support.prometheus_config import CONFIG
from tests.waiting import DEADLINE_S, eventually

SCRIPT = COLLECTOR / "prometheus" / "record-again"


class Recording(Prometheus):
    """Lets what it holds be deleted, looks for new blocks each second, not each minute, and holds less than twice `held` in
    memory: what it holds there cannot be recorded anew."""

    def __init__(self, folder: Path, *, config: Path = CONFIG, held: str = "2h", lookback: str = "5m") -> None:
        super().__init__(folder, config=config)
        self._held, self._lookback = held, lookback

    @property
    def data(self) -> Path:
        return self._folder / "data"

    def command(self) -> Sequence[str | Path]:
        return [
            *super().command(),
            "--web.enable-admin-api",
            "--storage.tsdb.block-reload-interval=1s",
            f"--storage.tsdb.min-block-duration={self._held}",
            f"--storage.tsdb.max-block-duration={self._held}",
            f"--query.lookback-delta={self._lookback}",
        ]

    def wait_until_written(self, until_s: float) -> None:
        """Until what is older lies in blocks."""
        eventually(lambda: self._held_since_s() > until_s, wanted=True, deadline_s=2 * DEADLINE_S)

    def _held_since_s(self) -> float:
        reply = requests.get(f"{self.url}/api/v1/status/tsdb", timeout=30)
        return float(reply.json()["data"]["headStats"]["minTime"]) / 1e3


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"PROMTOOL": str(program("promtool"))}
    return subprocess.run([SCRIPT, *arguments], env=variables, capture_output=True, text=True, check=False)


def record_again(prometheus: Recording, start_s: float, end_s: float) -> str:
    """What it said."""
    ran = run(f"{start_s:.3f}", f"{end_s:.3f}", prometheus.url, prometheus.data)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
