"""A machine whose administrator wrote a settings file: any folder of a test, in the place of the system's own."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from otel_agent.settings import administrator
from tests.support.shell import Shell

PROGRAM = """
import os, runpy, sys
from pathlib import Path
from otel_agent.settings import administrator
administrator.PLACE = administrator.Place(Path(sys.argv.pop(1)), os.geteuid())
sys.argv[0] = "otel-agent"
runpy.run_module("otel_agent", run_name="__main__", alter_sys=True)
"""


def write(path: Path, text: str) -> Path:
    """Write the file as an administrator does: nobody else can write it or its folder."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.parent.chmod(0o755)
    path.chmod(0o644)
    return path


@dataclass(frozen=True, slots=True)
class AdministeredShell(Shell):
    """A shell on such a machine. Who runs the tests is its administrator, because they may not be root."""

    @property
    def file(self) -> Path:
        """Return the administrator's file."""
        return self.home / "etc" / "otel-agent.toml"

    def command(self, *arguments: str) -> list[str]:  # type: ignore[override]
        """Return the command line for these arguments of `otel-agent`."""
        return [sys.executable, "-c", PROGRAM, str(self.file), *arguments]


def administer(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Let this process take the file at the path for the administrator's."""
    monkeypatch.setattr(administrator, "PLACE", administrator.Place(path, os.geteuid()))
