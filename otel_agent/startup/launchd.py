"""A launchd agent, from ``config/otel-agent.plist``."""

import os
import plistlib
from pathlib import Path
from typing import Final

from otel_agent.shipped import shipped
from otel_agent.startup.manager import (
    MARK,
    Run,
    Standing,
    StartupError,
    changing_files,
    must,
    run_program,
    written_by_us,
)
from otel_agent.startup.program import Program, replace_file

_NAME: Final = "otel-agent.plist"
_LABEL: Final = "otel-agent"


class Launchd:
    def __init__(self, run: Run = run_program) -> None:
        self.file = Path.home() / "Library" / "LaunchAgents" / _NAME
        self._run = run
        uid = os.getuid() if hasattr(os, "getuid") else 0
        self._domain = f"gui/{uid}"

    def rendered(self, program: Program) -> str:
        """launchd has no file of variables: the shell reads it, if it is there, and becomes the agent."""
        job = plistlib.loads(shipped(_NAME).encode())
        read = 'if [ -r "$1" ]; then set -a; . "$1"; set +a; fi; shift; exec "$@"'
        job["ProgramArguments"] = ["/bin/sh", "-c", read, MARK, str(program.environment_file), *program.command]
        job["StandardErrorPath"] = str(program.log_file)
        if program.environment:
            job["EnvironmentVariables"] = dict(program.environment)
        return plistlib.dumps(job).decode()

    def install(self, program: Program) -> bool:
        text, ours = self.rendered(program), written_by_us(self.file)
        before = self.file.read_text(encoding="utf-8") if ours else None
        if before == text and self.standing().running:
            return False
        with changing_files():
            program.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self.file, text)
        self._run(["launchctl", "bootout", f"{self._domain}/{_LABEL}"])  # fails where it was not loaded
        try:
            must(self._run, "launchctl", "bootstrap", self._domain, str(self.file))
        except StartupError:
            if before is None:
                self.file.unlink()
            else:
                replace_file(self.file, before)
                self._run(["launchctl", "bootstrap", self._domain, str(self.file)])
            raise
        return True

    def uninstall(self) -> bool:
        if not written_by_us(self.file):
            return False
        self._run(["launchctl", "bootout", f"{self._domain}/{_LABEL}"])
        with changing_files():
            self.file.unlink()
        return True

    def standing(self) -> Standing:
        done = self._run(["launchctl", "print", f"{self._domain}/{_LABEL}"])
        told = {
            key.strip(): value.strip() for key, _, value in (line.partition("=") for line in done.stdout.splitlines())
        }
        running = done.returncode == 0 and told.get("state") == "running"
        words = told.get("state", "not loaded") if done.returncode == 0 else "not loaded"
        return Standing(
            self.file.exists(), running, words + (f", process {told['pid']}" if "pid" in told else ""), self.file
        )

    def log_command(self, lines: int, *, follow: bool) -> list[str]:
        try:
            job = plistlib.loads(self.file.read_bytes())
        except OSError:
            raise StartupError("not installed: `otel-agent service install` first.") from None
        return ["tail", "-n", str(lines), *(["-F"] if follow else []), job["StandardErrorPath"]]
