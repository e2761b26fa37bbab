"""The agent as a user runs it: a process of its own, in a scratch home, told where things are by its environment."""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 60.0
"""How long one `run --once` may take before it counts as hanging. Seconds, on a slow and busy machine."""


@dataclass(frozen=True, slots=True)
class Run:
    """How one run ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent with its own home under `home`, sending to `endpoint` (an OTLP/HTTP base URL).

    `uid` runs it as another user; `home` must then be reachable by that user.
    """

    home: Path
    endpoint: str
    uid: int | None = None
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def data_dir(self) -> Path:
        """Where OpenCode would keep its stores."""
        return self.home / "data" / "opencode"

    @property
    def state_dir(self) -> Path:
        """Where the agent keeps its ledger."""
        return self.home / "agent-state"

    def once(self, **settings: str) -> Run:
        """One `run --once` that must end well; `settings` are environment variables for this run only."""
        run = self.attempt(**settings)
        assert run.returncode == 0, f"exit code {run.returncode}:\n{run.stderr}"
        return run

    def attempt(self, **settings: str) -> Run:
        """One `run --once`, however it ends."""
        streams = self.home / "stdout", self.home / "stderr"
        order = {
            "arguments": ["run", "--once"],
            "environment": self._environment() | settings,
            "folder": str(self.home),
            "uid": self.uid,
            "output": str(streams[0]),
            "errors": str(streams[1]),
        }
        code = _zygote().run(json.dumps(order).encode() + b"\n")
        return Run(code, *(stream.read_text(encoding="utf-8", errors="replace") for stream in streams))

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.data_dir.parent),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "OTEL_AGENT_STATE_DIR": str(self.state_dir),
            "OTEL_AGENT_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            **self.extra,
        }


class Zygote:
    """The process that forks the runs (`tests.agent_zygote`); one for a whole test session."""

    def __init__(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OPENCODE"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.agent_zygote"],
            cwd=ROOT,
            env=inherited | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, order: bytes) -> int:
        """The exit code of what was ordered. A run beyond the deadline is killed, and its zygote with it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(order)
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], DEADLINE_S)
        if not ready:
            self.close()
            _zygote.cache_clear()
            raise AssertionError(f"the agent did not end within {DEADLINE_S} s")
        return int(self._process.stdout.readline())

    def close(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, 9)
        self._process.communicate()


@functools.cache
def _zygote() -> Zygote:
    zygote = Zygote()
    atexit.register(zygote.close)
    return zygote
