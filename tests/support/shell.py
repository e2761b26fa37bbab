"""Any command of the agent as a user types it: a process of its own, with a scratch home and a clean environment."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.agent import Run
from tests.support.measured import measured
from tests.support.paths import ROOT
from tests.support.zygote import DEADLINE_S, forked

OF_THE_INTERPRETER = ("PYTHON", "LANG", "LC_", "COLUMNS")
"""Variables that Python or a library reads when it begins."""


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands with everything that the agent reads, keeps or makes for a while under `home`.

    It is in the time zone `zone`.
    """

    home: Path
    zone: str = "UTC"

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

        `typed` is its standard input. The command is forked from a process that has imported the agent already, which saves
        most of its time. Then it sees no process, as another test may run OpenCode now. It is not forked if something
        changes how the interpreter begins.
        """
        self.scratch.mkdir(exist_ok=True)
        environment = self._of(arguments, variables)
        usual = self.command() == Shell.command()
        if not usual or measured() or any(name.startswith(OF_THE_INTERPRETER) for name in variables):
            return self._interpreted(arguments, environment, typed)
        with TemporaryDirectory() as folder:
            streams = {name: Path(folder, name) for name in ("input", "output", "errors")}
            streams["input"].write_text(typed, encoding="utf-8")
            files = {name: str(path) for name, path in streams.items()}
            order = {"arguments": arguments, "environment": environment, "folder": str(self.home), "uid": None}
            code = forked({**order, **files, "alone": True})
            return Run(code, *(streams[name].read_text(encoding="utf-8") for name in ("output", "errors")))

    def interpreted(self, *arguments: str, typed: str = "", **variables: str) -> Run:
        """Run the command by an interpreter of its own, which has imported nothing before."""
        self.scratch.mkdir(exist_ok=True)
        return self._interpreted(arguments, self._of(arguments, variables), typed)

    def _interpreted(self, arguments: tuple[str, ...], environment: dict[str, str], typed: str) -> Run:
        ran = subprocess.run(
            self.command(*arguments),
            cwd=self.home,
            env=environment,
            input=typed,
            capture_output=True,
            encoding="utf-8",
            timeout=DEADLINE_S,
            check=False,
        )
        return Run(ran.returncode, ran.stdout, ran.stderr)

    def output(self, *arguments: str, **variables: str) -> str:
        """Run the command and return what it printed. It must succeed and write nothing to standard error."""
        run = self.run(*arguments, **variables)
        assert run.returncode == 0, run.stderr
        assert run.stderr == ""
        return run.stdout

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start the command and return its process. The caller has to end it."""
        self.scratch.mkdir(exist_ok=True)
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.home,
            env=self._of(arguments, variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def _of(self, arguments: tuple[str, ...], variables: dict[str, str]) -> dict[str, str]:
        # Otherwise these commands would also find the store of an OpenCode that another test runs now.
        alone = {"OTEL_AGENT_DISCOVER_STORES": "false"} if arguments[:1] in (("run",), ("demo",)) else {}
        return self.environment() | alone | variables

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
            "TZ": self.zone,
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_STATE_HOME": str(self.home / ".local" / "state"),
            "TMPDIR": str(self.scratch),
            **measured(),
        }
