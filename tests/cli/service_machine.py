"""A home with stand-ins for the programs of systemd, which write down how they were called."""

from __future__ import annotations

from pathlib import Path

from tests.support.agent import Run
from tests.support.shell import Shell


class ServiceMachine:
    """A home, and service programs that answer as the test wants."""

    def __init__(self, home: Path) -> None:
        self.shell = Shell(home)
        self.programs = home / "bin"
        self.programs.mkdir()
        self.asked_file = home / "asked"
        self.unit = home / ".config" / "systemd" / "user" / "otel-agent.service"
        for name in ("systemctl", "journalctl"):
            self.answer(name)

    def answer(self, name: str, says: str = "", code: int = 0, only: str = "") -> None:
        """Let a program print and exit so; with `only`, it fails for calls with this word alone."""
        failing = f'case "$*" in *{only}*) echo "no bus" >&2; exit {code};; esac' if code else ":"
        program = self.programs / name
        program.write_text(f"#!/bin/sh\necho {name} \"$@\" >> '{self.asked_file}'\n{failing}\nprintf '{says}'\n")
        program.chmod(0o755)

    def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        found = self.shell.run("service", *arguments, PATH=f"{self.programs}:/usr/bin:/bin", **variables)
        return found.returncode, found.stdout, found.stderr

    @property
    def asked(self) -> list[str]:
        lines = self.asked_file.read_text().splitlines() if self.asked_file.exists() else []
        self.asked_file.unlink(missing_ok=True)
        return lines

    def set_up(self, *arguments: str, typed: str = "", **variables: str) -> Run:
        """Run `otel-agent setup` beside these programs; `typed` is its standard input."""
        return self.shell.run("setup", *arguments, typed=typed, PATH=f"{self.programs}:/usr/bin:/bin", **variables)
