"""Runs a real OpenCode release in a home of its own, offline, against a `Provider`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.paths import ROOT
from tests.support.real_opencode.provider import TITLE_MODEL, Provider
from tests.support.real_programs import absent

INSTALLED = ROOT / ".cache" / "opencode"
"""Where `scripts/real-programs get opencode` puts the releases, one folder for each version."""

PROVIDER_ID = "made"
"""OpenCode's name for the loopback provider; it becomes `gen_ai.provider.name`."""

SUBTASK_COMMAND = "look"
"""A configured command that OpenCode runs as a subtask, by a sub-agent."""

RUN_TIMEOUT_S = 90.0
"""A turn takes 1-4 s; a first start, which unpacks itself and may create a database, up to 10 s."""


def require_opencode(*versions: str) -> None:
    """Skip the test if a release is not installed; if CI=true nothing may be missing, so fail it."""
    missing = [version for version in versions if not executable(version).exists()]
    if missing:
        absent(f"OpenCode {', '.join(missing)} is not here: run `make opencode`")


def executable(version: str) -> Path:
    """The command of an installed release."""
    return INSTALLED / version / "opencode"


@dataclass(frozen=True, slots=True)
class Turn:
    """The result of `opencode run`: its exit code and its output."""

    returncode: int
    stdout: str
    stderr: str


class RunningTurn:
    """A run under way. It has a process group of its own, because older releases are a wrapper and a child."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, as when a laptop dies: OpenCode writes nothing more."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate(timeout=10)

    def interrupt(self) -> None:
        """SIGINT, as Ctrl-C in a terminal sends it to the program and to its children."""
        os.killpg(self._process.pid, signal.SIGINT)

    def wait(self, timeout: float = RUN_TIMEOUT_S) -> Turn:
        """The end of the run; kills it and raises TimeoutExpired when it does not come."""
        try:
            stdout, stderr = self._process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return Turn(self._process.returncode, stdout, stderr)

    @property
    def running(self) -> bool:
        """True while the process is there."""
        return self._process.poll() is None


class OpenCode:
    """One release in one home. Two of different versions may share a home, as after an upgrade."""

    def __init__(
        self, version: str, home: Path, provider: Provider, models: Sequence[str], project: str = "persona"
    ) -> None:
        self.version = version
        self.home = home
        self.directory = home / "projects" / project
        self._provider = provider
        self._models = tuple(models)
        self._prepare()

    @property
    def data_dir(self) -> Path:
        """The value of `XDG_DATA_HOME`; the stores are in its folder `opencode`."""
        return self.home / ".local" / "share"

    def run(
        self,
        prompt: str,
        *,
        model: str,
        agent: str | None = None,
        continue_: bool = False,
        session: str | None = None,
        fork: bool = False,
    ) -> Turn:
        """One turn, to its end. A turn whose model refused still ends; its exit code differs between releases."""
        with self.start(prompt, model=model, agent=agent, continue_=continue_, session=session, fork=fork) as turn:
            return turn.wait()

    def start(
        self,
        prompt: str,
        *,
        model: str,
        agent: str | None = None,
        continue_: bool = False,
        session: str | None = None,
        fork: bool = False,
    ) -> RunningTurn:
        """Begin a turn and return at once; leaving the `with` kills it."""
        flags = ["--model", f"{PROVIDER_ID}/{model}"]
        flags += ["--agent", agent] if agent else []
        flags += ["--continue"] if continue_ else []
        flags += ["--session", session] if session else []
        flags += ["--fork"] if fork else []
        return RunningTurn(self.popen("run", *flags, prompt))

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        """The bare command, in its project folder, its environment and a process group of its own."""
        return subprocess.Popen(
            [str(executable(self.version)), *arguments],
            cwd=self.directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if not (self.directory / ".git").exists():
            _make_repository(self.directory)
        config = self.home / ".config" / "opencode" / "opencode.json"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(json.dumps(_configuration(self._provider.base_url, self._models)))
        # The first start of another version wipes the cache, so that start happens before the models file is laid down.
        with RunningTurn(self.popen("--version")) as first_start:
            first_start.wait()
        models = self.home / ".cache" / "opencode" / "models.json"
        models.parent.mkdir(parents=True, exist_ok=True)
        models.write_text("{}")

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
            # A turn ends before the optimising compiler pays off: it takes a sixth less CPU time without it.
            "BUN_JSC_useDFGJIT": "0",
            "BUN_JSC_useConcurrentGC": "0",
            "BUN_JSC_numberOfGCMarkers": "1",
        }


def _configuration(base_url: str, models: Sequence[str]) -> Mapping[str, object]:
    limit = {"context": 200_000, "output": 8_192}
    return {
        "small_model": f"{PROVIDER_ID}/{TITLE_MODEL}",
        "share": "disabled",
        "autoupdate": False,
        "command": {SUBTASK_COMMAND: {"template": "Look at $ARGUMENTS.", "agent": "general", "subtask": True}},
        "permission": {"bash": "allow", "edit": "allow", "webfetch": "deny"},
        "provider": {
            PROVIDER_ID: {
                "npm": "@ai-sdk/openai-compatible",
                "name": "Made",
                "options": {"baseURL": base_url, "apiKey": "none"},
                "models": {
                    name: {"name": name, "limit": limit, "tool_call": True, "cost": {"input": 2, "output": 10}}
                    for name in (*models, TITLE_MODEL)
                },
            }
        },
    }


def _make_repository(folder: Path) -> None:
    """A repository with one commit: its hash is what OpenCode names the project by."""
    author = {"NAME": "Dev", "EMAIL": "dev@example.com"}
    names = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in author.items()}
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **names}
    for arguments in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "--message", f"begin {folder.name}"]):
        subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, timeout=30)
