"""Any command of the agent as it is typed: a process of its own, with a scratch home and an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.agent import Run
from tests.support.paths import ROOT

DEADLINE_S = 60.0
"""How long a command may take before it counts as hanging. Seconds, on a slow and busy machine."""


@dataclass(frozen=True, slots=True)
class Shell:
    """Everything the agent keeps, reads or makes for a while is under `home`."""

    home: Path

    @property
    def data_dir(self) -> Path:
        """Where OpenCode would keep its stores."""
        return self.home / ".local" / "share" / "opencode"

    @property
    def state_dir(self) -> Path:
        """Where the agent keeps its ledger when nobody says otherwise."""
        return self.home / ".local" / "state" / "otel-agent"

    @property
    def config(self) -> Path:
        """The user's settings file."""
        return self.home / ".config" / "otel-agent" / "otel-agent.toml"

    @property
    def scratch(self) -> Path:
        """Where the agent makes its temporary files; empty once it ended."""
        return self.home / "tmp"

    def run(self, *arguments: str, **variables: str) -> Run:
        """The command, however it ends; `variables` are added to its environment."""
        started = self.start(*arguments, **variables)
        try:
            stdout, stderr = started.communicate(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.communicate()
            raise
        return Run(started.returncode, stdout, stderr)

    def output(self, *arguments: str, **variables: str) -> str:
        """What the command printed; it must end well and have nothing to complain about."""
        run = self.run(*arguments, **variables)
        assert run.returncode == 0, run.stderr
        assert run.stderr == ""
        return run.stdout

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """The running command; whoever starts it ends it."""
        self.scratch.mkdir(exist_ok=True)
        # What reads stores would find that of an OpenCode which another test runs just now.
        alone = {"OTEL_AGENT_DISCOVER_STORES": "false"} if arguments[:1] in (("run",), ("demo",)) else {}
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.home,
            env=self.environment() | alone | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "otel_agent", *arguments]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_STATE_HOME": str(self.home / ".local" / "state"),
            "TMPDIR": str(self.scratch),
        }
