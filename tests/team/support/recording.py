"""A Prometheus whose past can be recorded again, and `collector/prometheus/record_again.py`, which does it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import requests

from tests.support.real_programs import COLLECTOR
from tests.support.real_programs.prometheus import Prometheus, program
from tests.support.waiting import DEADLINE_S, eventually
from tests.team.support.prometheus_config import CONFIG

SCRIPT = COLLECTOR / "prometheus" / "record_again.py"


class Recording(Prometheus):
    """A Prometheus in which recorded series can be deleted, and which looks for new blocks each second, not each minute.

    It holds less than twice `held` in memory: what it holds there cannot be recorded again.
    """

    def __init__(self, folder: Path, *, config: Path = CONFIG, held: str = "2h", lookback: str = "5m") -> None:
        super().__init__(folder, config=config)
        self._held, self._lookback = held, lookback

    @property
    def data(self) -> Path:
        """The folder with its blocks."""
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
        """Wait until everything before this time (Unix seconds) is in blocks on the disk."""
        eventually(lambda: self._held_since_s() > until_s, wanted=True, deadline_s=2 * DEADLINE_S)

    def _held_since_s(self) -> float:
        reply = requests.get(f"{self.url}/api/v1/status/tsdb", timeout=30)
        return float(reply.json()["data"]["headStats"]["minTime"]) / 1e3


def run(*arguments: str | Path, promtool: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program to its end, with the real promtool or another one."""
    variables = os.environ | {"PROMTOOL": str(promtool or program("promtool"))}
    return subprocess.run([SCRIPT, *arguments], env=variables, capture_output=True, text=True, check=False)


def record_again(prometheus: Recording, start_s: float, end_s: float) -> str:
    """Record again, and return what the program printed. Fails if it could not."""
    ran = run(f"{start_s:.3f}", f"{end_s:.3f}", prometheus.url, prometheus.data)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
