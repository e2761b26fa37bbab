"""Any command of the agent as a user types it: a process of its own, with a scratch home and a clean environment."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.agent import Run
from tests.support.measured import measured
from tests.support.paths import ROOT

DEADLINE_S = 60.0
"""A command that takes longer counts as hanging. Seconds, generous for a slow and busy machine."""


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands with everything that the agent reads, keeps or makes for a while under `home`."""

    home: Path

    @property
    def data_dir(self) -> Path:
        """Return the folder in which OpenCode would keep its stores."""
        return self.home / ".local" / "share" / "opencode"

    @property
    def state_dir(self) -> Path:
        """Return the folder in which the agent keeps its ledger by default."""
        return self.home / ".local" / "state" / "otel-agent"

    @property
    def config(self) -> Path:
        """Return the path of the user's settings file."""
        return self.home / ".config" / "otel-agent" / "otel-agent.toml"

    @property
    def scratch(self) -> Path:
        """Return the folder of the agent's temporary files, which is empty after it ended."""
        return self.home / "tmp"

    def run(self, *arguments: str, typed: str = "", **variables: str) -> Run:
        """Run the command and return its result, with any exit code. `variables` are added to its environment.

        `typed` is its standard input.
        """
        started = self._started(arguments, variables, subprocess.PIPE if typed else subprocess.DEVNULL)
        try:
            stdout, stderr = started.communicate(typed or None, timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.communicate()
            raise
        return Run(started.returncode, stdout, stderr)

    def output(self, *arguments: str, **variables: str) -> str:
        """Run the command and return what it printed. It must succeed and write nothing to standard error."""
        run = self.run(*arguments, **variables)
        assert run.returncode == 0, run.stderr
        assert run.stderr == ""
        return run.stdout

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start the command and return its process. The caller has to end it."""
        return self._started(arguments, variables, subprocess.DEVNULL)

    def _started(
        self, arguments: tuple[str, ...], variables: dict[str, str], standard_input: int
    ) -> subprocess.Popen[str]:
        self.scratch.mkdir(exist_ok=True)
        # Otherwise these commands would also find the store of an OpenCode that another test runs now.
        alone = {"OTEL_AGENT_DISCOVER_STORES": "false"} if arguments[:1] in (("run",), ("demo",)) else {}
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.home,
            env=self.environment() | alone | variables,
            stdin=standard_input,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    @staticmethod
    def command(*arguments: str) -> list[str]:
        """Return the command line for these arguments of `otel-agent`."""
        return [sys.executable, "-m", "otel_agent", *arguments]

    def environment(self) -> dict[str, str]:
        """Return the environment of each command, without any variable of the agent or of OpenTelemetry."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_STATE_HOME": str(self.home / ".local" / "state"),
            "TMPDIR": str(self.scratch),
            **measured(),
        }
