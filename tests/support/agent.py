"""The agent as a user runs it: a process of its own in a scratch home, whose environment says where everything is.

`once`, `attempt` and `command` fork their processes from one that has imported the agent already. So a run takes about 30 ms
instead of 400 ms. `process` starts an interpreter, for a run that continues beside the test.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.measured import measured
from tests.support.paths import ROOT
from tests.support.zygote import DEADLINE_S, forked


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one run: its exit code and what it printed."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent that has its home in `home` and sends to `endpoint` (an OTLP/HTTP base URL).

    A `uid` makes it run as another user, who must be able to reach `home`. `extra` holds more environment variables.
    """

    home: Path
    endpoint: str
    uid: int | None = None
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def data_dir(self) -> Path:
        """Return the folder in which OpenCode would keep its stores."""
        return self.home / "data" / "opencode"

    @property
    def state_dir(self) -> Path:
        """Return the folder in which the agent keeps its ledger."""
        return self.home / "agent-state"

    def once(self, **settings: str) -> Run:
        """Run `run --once`, which must succeed. `settings` are environment variables for this run only."""
        run = self.attempt(**settings)
        assert run.returncode == 0, f"exit code {run.returncode}:\n{run.stderr}"
        return run

    def attempt(self, **settings: str) -> Run:
        """Run `run --once` and return its result, with any exit code."""
        return self.command("run", "--once", **settings)

    def command(self, *arguments: str, **settings: str) -> Run:
        """Run any command to its end and return its result, with any exit code."""
        streams = self.home / "stdout", self.home / "stderr"
        order = {
            "arguments": list(arguments),
            "environment": self._environment() | settings,
            "folder": str(self.home),
            "uid": self.uid,
            "output": str(streams[0]),
            "errors": str(streams[1]),
        }
        code = forked(order)
        return Run(code, *(stream.read_text(encoding="utf-8", errors="replace") for stream in streams))

    def process(self, *arguments: str, prelude: str = "", **settings: str) -> Process:
        """Start the command `arguments` beside the test. `prelude` is Python code that its process executes first."""
        program = f"{prelude}\nimport runpy\nrunpy.run_module('otel_agent', run_name='__main__', alter_sys=True)"
        return Process([sys.executable, "-c", program, *arguments], self._environment() | settings, self.home)

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
            "OTEL_AGENT_DISCOVER_STORES": "false",  # other tests run OpenCode beside this one
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            **measured(),
            **self.extra,
        }


class Process:
    """A run beside the test, whose log is read as it comes. It is killed if it still runs at the end of `with`."""

    def __init__(self, command: list[str], environment: dict[str, str], home: Path) -> None:
        self._output = (home / "stdout").open("w+", encoding="utf-8")
        self._popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: list[str] = []  # guarded by _more
        self._ended = False  # guarded by _more
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="stderr")
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._popen.kill()
        self.wait()
        self._output.close()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._popen.pid

    @property
    def log(self) -> str:
        """Return what it logged so far (its standard error)."""
        with self._more:
            return "".join(self._lines)

    def wait_for_log(self, text: str, timeout: float = DEADLINE_S) -> None:
        """Wait until a line of the log contains `text`. Raises AssertionError if the run ends or time is up."""
        with self._more:
            self._more.wait_for(lambda: self._ended or any(text in line for line in self._lines), timeout)
            assert any(text in line for line in self._lines), f"{text!r} was not logged:\n{''.join(self._lines)}"

    def send(self, number: signal.Signals) -> None:
        """Send it a POSIX signal."""
        self._popen.send_signal(number)

    def wait(self, timeout: float = DEADLINE_S) -> Run:
        """Wait for the end and return the result; a signal's number is negative. Raises `subprocess.TimeoutExpired`."""
        code = self._popen.wait(timeout)
        self._reader.join()
        self._output.seek(0)
        return Run(code, self._output.read(), self.log)

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = DEADLINE_S) -> Run:
        """Send a signal and wait for the end. Raises `subprocess.TimeoutExpired`, as `wait` does."""
        self.send(number)
        return self.wait(timeout)

    def _read(self) -> None:
        assert self._popen.stderr is not None
        with self._popen.stderr as stream:
            for line in stream:
                with self._more:
                    self._lines.append(line)
                    self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()
