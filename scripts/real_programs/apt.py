"""A program of the system's packages, by apt-get."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scripts.real_programs.errors import GetError
from scripts.real_programs.place import CACHE, alone
from scripts.real_programs.running import require, run, say

# Seconds that apt-get waits while something else on this machine installs packages.
APT_GET = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "--quiet=2")


@dataclass(frozen=True, slots=True)
class Installed:
    """A program that is there if its command is on PATH, whoever put it there."""

    name: str
    command: str
    package: str
    target: str

    version = None
    comes_by = "apt-get"
    needs: ClassVar[Sequence[str]] = ("apt-get",)

    def found(self) -> Path | None:
        """Return the command on PATH, or None if there is none."""
        where = shutil.which(self.command)
        return Path(where) if where else None

    def get(self) -> Path:
        """Install the package, unless the command is there. Needs root, directly or by sudo."""
        if found := self.found():
            return found
        require(self.needs, self.name)
        before = as_root(self.package, os.geteuid())
        # apt-get fails if two run at once.
        with alone(CACHE / "apt-get.lock", "a package"):
            if self.found() is None:
                self._install(before)
        if (found := self.found()) is None:
            raise GetError(f"The package {self.package} is installed, but the command {self.command} is not on PATH.")
        return found

    def _install(self, before: Sequence[str]) -> None:
        say(f"installing the package {self.package} with apt-get; this takes about a minute")
        try:
            run([*before, *APT_GET, "update"], CACHE)
            run([*before, *APT_GET, "install", "--yes", "--no-install-recommends", self.package], CACHE)
        except GetError as error:
            raise GetError(f"{self.name} could not be installed. {error}\n  {by_hand(self.package)}") from error


def as_root(package: str, user_id: int) -> Sequence[str]:
    """Return what to put before apt-get so that it runs as root. Raise GetError if there is no way."""
    if user_id == 0:
        return ()
    if shutil.which("sudo") is None:
        raise GetError(f"Only root may install the package {package}, and there is no sudo here. {by_hand(package)}")
    return ("sudo",)


def by_hand(package: str) -> str:
    """Return a sentence that says how to install a package without this program."""
    return f"Run this as root, then the same command again: apt-get update && apt-get install {package}"
