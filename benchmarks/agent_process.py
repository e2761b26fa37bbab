"""The agent as a process, watched from outside while it works."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

_TICK_SECONDS: Final = 0.002
_PATIENCE_SECONDS: Final = 120.0
_PENDING: Final = "SELECT EXISTS (SELECT 1 FROM owed) OR EXISTS (SELECT 1 FROM turn WHERE state = 1)"
_COUNTED: Final = "SELECT coalesce(sum(messages), 0) FROM store"
"""A few rows: asking for the messages themselves would keep a core busy. Fork copies that turn out to count are not in it."""


def clean_environ(data: Path, state: Path) -> dict[str, str]:
    """Return an environment for an agent: these folders, no settings file, and no OTEL_ variable of the caller."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return clean | {
        "XDG_DATA_HOME": str(data.parent),
        "XDG_STATE_HOME": str(state),
        "XDG_CONFIG_HOME": str(state / "no-settings"),
    }


class AgentProcess:
    """`otel-agent run` with a ledger of its own, while entered. It reads `data` and exports to `endpoint`."""

    def __init__(self, data: Path, state: Path, endpoint: str, **variables: str) -> None:
        self._environ = clean_environ(data, state) | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_AGENT_DISCOVER_STORES": "false",
            **variables,
        }
        self.ledger = state / "otel-agent" / "ledger.db"
        self._log = state / "log"

    def __enter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "otel_agent", "run"], env=self._environ, stderr=log, stdout=log
            )
        self.process = psutil.Process(self._process.pid)
        self.wait_until(lambda: "counted" in self._log.read_text() or "no OpenCode data" in self._log.read_text())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(30)

    def counted(self) -> int:
        """Return how many messages the ledger has counted."""
        with closing(self._open_ledger()) as ledger:
            return int(ledger.execute(_COUNTED).fetchone()[0])

    def wait_until_counted(self, messages: int) -> None:
        """Wait until the ledger has counted so many. Raises `TimeoutError`, as `wait_until` does."""
        with closing(self._open_ledger()) as ledger:
            self.wait_until(lambda: int(ledger.execute(_COUNTED).fetchone()[0]) >= messages, 600)

    def wait_until_sent(self) -> None:
        """Wait until no span is pending. Raises `TimeoutError`, as `wait_until` does."""
        with closing(self._open_ledger()) as ledger:
            self.wait_until(lambda: not ledger.execute(_PENDING).fetchone()[0], 600)

    def wait_until(self, true: Callable[[], bool], patience_s: float = _PATIENCE_SECONDS) -> None:
        """Wait until something is true. Raises `TimeoutError` with the log if it takes too long or the agent ends."""
        until, tick = time.monotonic() + patience_s, threading.Event()
        while not true():
            if time.monotonic() > until or self._process.poll() is not None:
                raise TimeoutError(f"the agent did not get there; the end of its log:\n{self._log.read_text()[-2000:]}")
            tick.wait(_TICK_SECONDS)

    @property
    def cpu_s(self) -> float:
        """Return the CPU time that it has used. Seconds."""
        times = self.process.cpu_times()
        return times.user + times.system

    @property
    def written_bytes(self) -> int:
        """Return how many bytes it wrote to the disk, as the kernel counts them; 0 if the kernel does not."""
        counters = getattr(self.process, "io_counters", None)
        return int(counters().write_bytes) if counters is not None else 0

    def _open_ledger(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.ledger.as_uri()}?mode=ro", uri=True)
