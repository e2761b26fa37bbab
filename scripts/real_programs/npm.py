"""A command from a package of the npm registry."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scripts.real_programs.errors import GetError
from scripts.real_programs.running import output, run


@dataclass(frozen=True, slots=True)
class Npm:
    """The folder gets the package in `node_modules`, and beside it a link to its command.

    `file` is the command's path in the package, for a package that does not name its commands.
    """

    package: str
    command: str
    file: str | None = None

    label = "npm"
    needs: ClassVar[Sequence[str]] = ("npm",)
    source = "`npm config get registry` says where npm fetches from."

    def make(self, version: str, made: Path) -> None:
        """Install the package, and start its command once to see that it is the right release."""
        made.mkdir()
        (made / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
        run(["npm", "install", *quiet, f"{self.package}@{version}"], made)
        command = made / self.command
        # npm's own link may be absolute, which the rename would break.
        installed = made / "node_modules" / (f"{self.package}/{self.file}" if self.file else f".bin/{self.command}")
        command.symlink_to(os.path.relpath(installed.resolve(), made.resolve()))
        self._try(command, version)

    @staticmethod
    def _try(command: Path, version: str) -> None:
        # The first start writes into its home, so it gets one that goes away.
        home = command.parent.parent / "home"
        home.mkdir()
        variables = {"PATH": os.environ["PATH"], "HOME": str(home), "OPENCODE_DISABLE_MODELS_FETCH": "1"}
        said = output([command, "--version"], command.parent, variables)
        shutil.rmtree(home, ignore_errors=True)
        if said != version:
            raise GetError(f"It says that it is {said!r}.")
