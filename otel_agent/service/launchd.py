"""Starts the agent with launchd (macOS), by the job in ``config/otel-agent.plist``."""

import os
import plistlib
from pathlib import Path
from typing import Final

from otel_agent.service.manager import (
    MARK,
    Run,
    ServiceError,
    ServiceState,
    changing_files,
    must,
    run_program,
    written_by_us,
)
from otel_agent.service.program import Program, replace_file
from otel_agent.settings.user_folders import without_tilde
from otel_agent.shipped import shipped

_NAME: Final = "otel-agent.plist"
_LABEL: Final = "otel-agent"


class Launchd:
    """The launchd agent of this user; it implements ``Manager``."""

    def __init__(self, run: Run = run_program) -> None:
        self.file = without_tilde(Path("~")) / "Library" / "LaunchAgents" / _NAME
        self._run = run
        uid = os.getuid() if hasattr(os, "getuid") else 0
        self._domain = f"gui/{uid}"

    def rendered(self, program: Program) -> str:
        """Return the job. launchd knows no file of variables, so a shell reads it, if it exists, and becomes the agent."""
        job = plistlib.loads(shipped(_NAME).encode())
        read = 'if [ -r "$1" ]; then set -a; . "$1"; set +a; fi; shift; exec "$@"'
        job["ProgramArguments"] = ["/bin/sh", "-c", read, MARK, str(program.environment_file), *program.command]
        job["StandardErrorPath"] = str(program.log_file)
        if program.environment:
            job["EnvironmentVariables"] = dict(program.environment)
        return plistlib.dumps(job).decode()

    def install(self, program: Program, *, restart: bool = False) -> bool:
        """Write the job and load it, as ``Manager`` promises; a job that did not change goes on running."""
        text, ours = self.rendered(program), written_by_us(self.file)
        before = self.file.read_text(encoding="utf-8") if ours else None
        # Loading again would restart the agent for nothing.
        if before == text and not restart and self.state().running:
            return False
        with changing_files():
            program.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self.file, text)
        self._run(["launchctl", "bootout", f"{self._domain}/{_LABEL}"])  # fails if it was not loaded
        try:
            must(self._run, "launchctl", "bootstrap", self._domain, str(self.file))
        except (ServiceError, KeyboardInterrupt):
            # As before the install: either no file, or the previous job loaded again.
            if before is None:
                self.file.unlink()
            else:
                replace_file(self.file, before)
                self._run(["launchctl", "bootstrap", self._domain, str(self.file)])
            raise
        return True

    def uninstall(self) -> bool:
        """Unload the job and remove its file. Return whether there was one."""
        if not written_by_us(self.file):
            return False
        self._run(["launchctl", "bootout", f"{self._domain}/{_LABEL}"])
        with changing_files():
            self.file.unlink()
        return True

    def state(self) -> ServiceState:
        """Return what launchd says about the job."""
        done = self._run(["launchctl", "print", f"{self._domain}/{_LABEL}"])
        properties = {
            key.strip(): value.strip() for key, _, value in (line.partition("=") for line in done.stdout.splitlines())
        }
        running = done.returncode == 0 and properties.get("state") == "running"
        description = properties.get("state", "not loaded") if done.returncode == 0 else "not loaded"
        if "pid" in properties:
            description += f", process {properties['pid']}"
        return ServiceState(self.file.exists(), running, description, self.file)

    def log_command(self, lines: int, *, follow: bool) -> list[str]:
        """Return a ``tail`` of the log file that the installed job names. Raises ``ServiceError`` without a job."""
        try:
            job = plistlib.loads(self.file.read_bytes())
        except OSError:
            raise ServiceError("the service is not installed. Run `otel-agent service install` first.") from None
        return ["tail", "-n", str(lines), *(["-F"] if follow else []), job["StandardErrorPath"]]
